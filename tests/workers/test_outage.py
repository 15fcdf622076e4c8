"""While the database is away: tasks wait, give their message back to the queue, and nothing is counted against it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from celery.exceptions import Retry
from redis import Redis
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from config.queues import Family
from tests.stores import open_database
from tests.workers.test_batch import Door, door_to, invoices
from workers import tasks
from workers.batch import WorkedOff
from workers.outage import outlast_outage


@pytest.fixture
def away(away_url: str) -> Database:
    return open_database(away_url)


def test_nobody_waits_for_a_database_that_answers(database: Database) -> None:
    began = time.monotonic()
    assert outlast_outage(database, 60) is False
    assert time.monotonic() - began < 5


def test_wait_ends_when_it_has_lasted_as_long_as_it_may(away: Database) -> None:
    began = time.monotonic()
    assert outlast_outage(away, 0.2) is True
    assert 0.2 < time.monotonic() - began < 10  # Microsoft's driver tries for 5 s, though nobody listens


def test_wait_ends_when_the_database_is_back(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    read, refusals = any_database.read, [1, 2]

    def stumble() -> Any:
        if refusals:
            refusals.pop()
            raise DatabaseUnavailable("starting up")
        return read()

    monkeypatch.setattr(any_database, "read", stumble)
    assert outlast_outage(any_database, 60) is True
    assert refusals == []


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def retried(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Collect with what the invoice task asks Celery for a retry."""
    calls = list[dict[str, Any]]()

    def retry(**options: Any) -> Retry:
        calls.append(options)
        return Retry()

    monkeypatch.setattr(tasks.invoice, "retry", retry)
    return calls


def work_through(door: Door, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    here = replace(door.here, settings=door.here.settings.model_copy(update=settings))
    monkeypatch.setattr(tasks, "runtime", lambda: here)


def test_message_waits_in_the_task_and_goes_to_the_end_of_the_queue_at_once(
    away: Database, redis: Redis, redis_url: str, retried: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = door_to(away, redis, redis_url)
    work_through(door, monkeypatch, visibility_timeout=3)
    door.accept(invoices(1, 2))
    began = time.monotonic()
    with pytest.raises(Retry):
        tasks.invoice(["evt_1", "evt_2"])
    assert time.monotonic() - began > 0.5
    assert retried == [{"args": (["evt_1", "evt_2"],), "countdown": 0}]
    assert door.waiting() == {"evt_1", "evt_2"}
    assert [claimed.deliveries for claimed in door.here.inbox.claim(["evt_1", "evt_2"])] == [1, 1]


def test_trouble_that_is_not_the_databases_waits_for_its_countdown(
    database: Database, redis: Redis, redis_url: str, retried: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = door_to(database, redis, redis_url)
    work_through(door, monkeypatch)
    monkeypatch.setattr(tasks, "work_off", lambda _here, family, event_ids: WorkedOff(family, event_ids[:1]))
    with pytest.raises(Retry):
        tasks.invoice(["evt_1", "evt_2"])
    (asked,) = retried
    assert asked["args"] == (["evt_1"],)
    assert asked["countdown"] >= 0.5


def test_sweep_does_its_part_while_the_database_is_away(
    away: Database, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = door_to(away, redis, redis_url)
    work_through(door, monkeypatch, stall_time=0.001)
    door.accept(invoices(1))
    redis.delete(f"{door.here.settings.queue_prefix}{Family.INVOICE}")  # as Celery loses a message
    time.sleep(0.01)
    with capture_logs() as logs:
        tasks.sweep()
    assert [one["event"] for one in logs] == ["sweep.requeued", "parked.postponed"]
    assert logs[0]["event_ids"] == ["evt_1"]
