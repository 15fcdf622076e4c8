"""Replay, apart from the command around it: chunks, waiting, and who is not taken."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.inbox import Keys, WorkingInbox
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from billing_core.ordering import SETTLED, Outcome
from billing_core.replay import Replay
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.building import event_body, invoice, moment

PREFIX = "{billing}:"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def inbox(redis: Redis) -> WorkingInbox:
    return WorkingInbox(redis, PREFIX, MessageTemplate(create_celery(Settings(env="test"))), dedupe_window=60)


def store(database: Database, count: int, outcome: Outcome = Outcome.DEAD) -> list[str]:
    """Write events that came to this outcome, and return their IDs."""
    event_ids = [f"evt_{outcome}_{number}" for number in range(count)]
    common = {"event_type": "invoice.paid", "livemode": False, "outcome": outcome, "reason": "ValueError"}
    at = {name: moment() for name in ("stripe_created_at", "received_at", "processed_at")}
    rows = [
        common | at | {"stripe_event_id": one, "event_data": event_body(invoice(), id=one).decode()}
        for one in event_ids
    ]
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), rows)
    return event_ids


def finish(database: Database, event_id: str, outcome: Outcome = Outcome.APPLIED) -> None:
    """Do to the event's row what a worker does."""
    with database.write() as session:
        statement = sa.update(BillingEvent).where(BillingEvent.stripe_event_id == event_id)
        session.execute(statement.values(outcome=outcome, processed_at=utc_now()))


def test_many_events_are_queued_part_by_part_with_the_payload_on_record(
    database: Database, inbox: WorkingInbox, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_core.replay.CHUNK", 2)
    event_ids = store(database, 5)
    replay = Replay(database, inbox, event_ids)
    assert replay.open == event_ids
    replay.start()
    assert inbox.depth(Family.INVOICE)[:2] == (5, 1)  # each part joins the message that waits
    value = redis.get(Keys(PREFIX).event(event_ids[4]))
    assert isinstance(value, bytes)
    assert value.partition(b"\n")[2] == event_body(invoice(), id=event_ids[4])


def test_event_is_replayed_once_however_often_it_is_named(database: Database, inbox: WorkingInbox) -> None:
    (one,) = store(database, 1)
    replay = Replay(database, inbox, [one, one, "evt_none", "evt_none"])
    assert (replay.open, replay.refused) == ([one], {"evt_none": "not on record"})


def test_tombstone_is_no_obstacle(database: Database, inbox: WorkingInbox, redis: Redis) -> None:
    """A parked event was settled: its dedupe mark stands."""
    (one,) = store(database, 1, Outcome.PARKED)
    redis.set(Keys(PREFIX).event(one), b"")
    Replay(database, inbox, [one]).start()
    assert [claimed.event_id for claimed in inbox.claim([one])] == [one]


def test_results_come_as_they_are_finished(database: Database, inbox: WorkingInbox) -> None:
    event_ids = store(database, 3)
    replay = Replay(database, inbox, event_ids)
    results = replay.results(timeout=5)
    finish(database, event_ids[1])
    assert next(results) == (event_ids[1], Outcome.APPLIED)
    finish(database, event_ids[0], Outcome.DEAD)
    assert next(results) == (event_ids[0], Outcome.DEAD)
    assert replay.finished == {event_ids[0]: Outcome.DEAD, event_ids[1]: Outcome.APPLIED, event_ids[2]: None}


def test_timeout_is_counted_from_the_last_result(database: Database, inbox: WorkingInbox) -> None:
    event_ids = store(database, 4)

    def work_slowly() -> None:
        for event_id in event_ids[:3]:
            time.sleep(0.3)
            finish(database, event_id)

    replay = Replay(database, inbox, event_ids)
    thread = threading.Thread(target=work_slowly)
    thread.start()
    results = dict(replay.results(timeout=0.8))
    thread.join()
    assert results == dict.fromkeys(event_ids[:3], Outcome.APPLIED) | {event_ids[3]: None}


def test_without_timeout_nobody_waits(database: Database, inbox: WorkingInbox) -> None:
    event_ids = store(database, 2)
    assert list(Replay(database, inbox, event_ids).results(timeout=0)) == [(one, None) for one in event_ids]


def test_what_is_over_is_not_replayed_whatever_it_came_to(database: Database, inbox: WorkingInbox) -> None:
    event_ids = [one for outcome in Outcome for one in store(database, 1, outcome)]
    replay = Replay(database, inbox, event_ids)
    assert replay.settled == {f"evt_{outcome}_0": outcome for outcome in SETTLED}
    assert {*replay.open, *replay.settled} == set(event_ids)
