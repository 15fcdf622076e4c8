"""The tasks that look after the service: what they log, and what they keep."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis import Redis
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.heartbeats import Role
from billing_core.stripe_api import StripeApi
from billing_core.watch.endpoint import last_check
from config.celery import beat_schedule, celery_configuration
from config.queues import CHECK_ENDPOINT_TASK, MAINTENANCE_QUEUE, WATCH_TASK
from config.settings import Settings
from tests.billing_core.test_watch.watched import Watched
from tests.fake_stripe import FakeStripe
from workers import watch as tasks
from workers.runtime import WatchRuntime

URL = "https://billing.example.com/webhooks/stripe"


@dataclass
class Here:
    watched: Watched
    fake: FakeStripe


@pytest.fixture
def here(any_database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with FakeStripe() as fake, Redis.from_url(redis_url) as redis:
        stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=10, max_retries=0)
        watched = Watched(redis, any_database, public_url=URL)
        runtime = WatchRuntime(watched.settings, redis, watched.inbox, any_database, stripe)
        monkeypatch.setattr(tasks, "watch_runtime", lambda: runtime)
        yield Here(watched, fake)


def test_watch_says_nothing_where_all_is_well(here: Here) -> None:
    here.watched.live()
    with capture_logs() as logs:
        tasks.watch()
    assert logs == []


def test_watch_logs_what_fails_until_it_is_mended(here: Here) -> None:
    here.watched.live()
    here.watched.beat(Role.WORKER, 7, seconds_ago=60)
    here.watched.beat(Role.BEAT, 8)  # one too many: a warning, of which the status tells
    with capture_logs() as logs:
        tasks.watch()
        tasks.watch()
    assert [(line["event"], line["log_level"], line["check"]) for line in logs] == [
        ("watch.found", "error", "workers")
    ] * 2
    assert "worker host:7" in logs[0]["found"]
    assert logs[0]["do"]


def test_check_of_the_endpoint_is_logged_and_kept(here: Here) -> None:
    here.watched.live()
    here.fake.add_endpoint(URL, events=["invoice.paid"])
    with capture_logs() as logs:
        tasks.check_endpoint()
    assert [(line["event"], line["log_level"], line["check"]) for line in logs if "check" in line] == [
        ("endpoint.found", "warning", "endpoint's API version"),
        ("endpoint.found", "error", "endpoint's event types"),
    ]
    check = last_check(here.watched.database)
    assert check is not None
    assert len(check.problems) == 2
    assert [found[0] for found in here.watched.wrong()] == ["endpoint's API version", "endpoint's event types"]


def test_silence_of_stripe_leaves_the_last_check(here: Here) -> None:
    here.watched.live()
    tasks.check_endpoint()
    kept = last_check(here.watched.database)
    here.fake.faults.down = True
    with capture_logs() as logs:
        tasks.check_endpoint()
    assert [line["event"] for line in logs] == ["stripe.unanswered", "endpoint.check_postponed"]
    assert last_check(here.watched.database) == kept


def test_schedule_has_them_where_they_can_tell_something() -> None:
    plain = beat_schedule(Settings(env="test", watch_interval=7, sweep_enabled=False))
    assert plain[WATCH_TASK]["schedule"] == 7
    assert CHECK_ENDPOINT_TASK not in plain
    full = Settings(env="test", stripe_secret_key=SecretStr("sk_test_x"), public_url=URL)
    assert beat_schedule(full)[CHECK_ENDPOINT_TASK]["schedule"] == 3600
    routes = celery_configuration(full)["task_routes"]
    assert routes[WATCH_TASK] == routes[CHECK_ENDPOINT_TASK] == {"queue": MAINTENANCE_QUEUE}
