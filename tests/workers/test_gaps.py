"""The task of gap fill: one at a time, and what it tells of what it found."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.lock import Lock
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.gaps import GapFill
from billing_core.stripe_api import StripeApi
from config.celery import beat_schedule, celery_configuration
from config.queues import FILL_GAPS_TASK, MAINTENANCE_QUEUE
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.ingest.deliveries import counted
from tests.workers.test_batch import Door, door_to
from workers import gaps as tasks

KEY = "{billing}:lock:gaps"


@dataclass
class Here:
    """What the task works with."""

    door: Door
    fake: FakeStripe

    @property
    def redis(self) -> Redis:
        return self.door.redis

    def run(self) -> list[dict[str, object]]:
        """Run the task and return its log, but for the calls to Stripe."""
        with capture_logs() as logs:
            tasks.fill_gaps()
        return [dict(one) for one in logs if not one["event"].startswith("stripe.")]


@pytest.fixture
def here(any_database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with FakeStripe(rate=0) as fake, Redis.from_url(redis_url) as redis:
        stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=10, max_retries=0)
        door = door_to(any_database, redis, redis_url)
        gaps = GapFill(any_database, door.here.inbox, stripe, livemode=False, overlap=3600)
        monkeypatch.setattr(tasks, "gap_fill", lambda: gaps)
        monkeypatch.setattr(tasks, "lock", lambda name, seconds: lock(redis, name, seconds))
        yield Here(door, fake)


def lock(redis: Redis, name: str, seconds: float) -> Lock:
    made: Lock = redis.lock("{billing}:lock:" + name, timeout=seconds, blocking=False)
    return made


def test_what_was_found_is_logged_and_counted_by_type(here: Here) -> None:
    for _ in range(2):
        call(here.fake, "POST", "/v1/customers", email="jane@example.com")
    here.fake.clock.advance(minutes=1)
    before = counted("billing_gaps_found", type="customer.created")
    found, filled = here.run()
    assert found == {
        "event": "gap.found",
        "log_level": "warning",
        "count": 2,
        "types": {"customer.created": 2},
        "event_ids": [event["id"] for event in reversed(here.fake.events)],
    }
    assert (filled["event"], filled["count"]) == ("gap.filled", 2)
    assert counted("billing_gaps_found", type="customer.created") == before + 2
    assert [one["event"] for one in here.run()] == ["gap.filled"]


def test_what_may_be_on_its_way_is_filled_without_alarm(here: Here) -> None:
    call(here.fake, "POST", "/v1/customers")
    (filled,) = here.run()
    assert (filled["event"], filled["count"]) == ("gap.filled", 1)


def test_outage_longer_than_stripe_keeps_events_is_an_error(here: Here) -> None:
    here.run()
    here.fake.clock.advance(days=40)
    loud, _ = here.run()
    assert (loud["event"], loud["log_level"]) == ("gap.hole_found", "error")
    assert "billing backfill" in str(loud["do"])


def test_while_one_runs_the_next_does_nothing(here: Here) -> None:
    with lock(here.redis, "gaps", 60):
        assert [one["event"] for one in here.run()] == ["gap.skipped"]
    assert here.fake.request_log == []
    assert [one["event"] for one in here.run()] == ["gap.filled"]
    assert not here.redis.exists(KEY)


def test_run_goes_on_when_redis_forgets_its_lock(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    call(here.fake, "POST", "/v1/customers")
    here.fake.clock.advance(minutes=1)
    report = tasks._report
    monkeypatch.setattr(tasks, "_report", lambda lacked: (here.redis.flushall(), report(lacked)))
    assert [one["event"] for one in here.run()] == ["gap.found", "gap.filled"]


@pytest.mark.parametrize("status", [500, 429, 401])
def test_silence_of_stripe_is_left_to_the_next_run(here: Here, status: int) -> None:
    here.fake.faults.add(status=status, times=1, path="/v1/events")
    (postponed,) = here.run()
    assert (postponed["event"], postponed["log_level"]) == ("gap.postponed", "warning")
    assert not here.redis.exists(KEY)
    assert [one["event"] for one in here.run()] == ["gap.filled"]


def test_schedule_has_it_where_there_is_a_key() -> None:
    assert FILL_GAPS_TASK not in beat_schedule(Settings(env="test"))
    with_key = Settings(env="test", stripe_secret_key=SecretStr("sk_test_x"), gap_interval=700)
    assert beat_schedule(with_key)[FILL_GAPS_TASK] == {
        "task": FILL_GAPS_TASK,
        "schedule": 700,
        "options": {"expires": 1400},
    }
    assert celery_configuration(with_key)["task_routes"][FILL_GAPS_TASK] == {"queue": MAINTENANCE_QUEUE}
