"""The task of the nightly reconcile: one slice at a time, and trouble is left to the next."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.lock import Lock
from structlog.testing import capture_logs

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.reconcile.nightly import CHECKPOINT, Nightly
from billing_core.reconcile.reconcile import Reconcile
from billing_core.reconcile.run import last_run
from billing_core.stripe_api import StripeApi
from config.celery import celery_configuration
from config.queues import MAINTENANCE_QUEUE, RECONCILE_TASK
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from workers import reconcile as tasks

LOCK = "{billing}:lock:reconcile"


@pytest.fixture
def due(any_database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database whose nightly run is due, with an account whose customers cus_1 and cus_2 are gone."""
    checkpoints.write(any_database, CHECKPOINT, {"next": datetime(2026, 1, 1, 3, tzinfo=UTC).isoformat(), "run": None})

    def lock(name: str, seconds: float) -> Lock:
        made: Lock = Redis.from_url(redis_url).lock("{billing}:lock:" + name, timeout=seconds, blocking=False)
        return made

    monkeypatch.setattr(tasks, "lock", lock)
    return any_database


def reconcile_with(fake: FakeStripe, database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the task, and return its log lines' names, but for the calls to Stripe."""
    stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0)
    nightly = Nightly(database, Reconcile(database, stripe, settle=0), at="03:00", repair=False)
    monkeypatch.setattr(tasks, "nightly", lambda: nightly)
    with capture_logs() as logs:
        tasks.reconcile()
    return [one["event"] for one in logs if not one["event"].startswith("stripe.")]


def test_run_that_is_due_is_done_and_told(due: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeStripe(rate=0) as fake:
        assert reconcile_with(fake, due, monkeypatch) == ["drift.found", "drift.found", "reconcile.finished"]
    run = last_run(due)
    assert run
    assert (run.drift["customer"], run.tally("customer").unknown_at_stripe) == (2, 2)


def test_slice_waits_for_the_next_tick_while_stripe_is_away(due: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeStripe(rate=0) as fake:
        fake.faults.down = True
        assert reconcile_with(fake, due, monkeypatch) == ["reconcile.postponed"]
        fake.faults.clear()
        assert reconcile_with(fake, due, monkeypatch)[-1] == "reconcile.finished"


def test_two_slices_are_not_done_at_a_time(due: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeStripe(rate=0) as fake, Redis.from_url(redis_url) as redis, redis.lock(LOCK, timeout=60):
        assert reconcile_with(fake, due, monkeypatch) == []
        assert fake.request_log == []


def test_task_goes_to_the_maintenance_queue() -> None:
    assert celery_configuration(Settings(env="test"))["task_routes"][RECONCILE_TASK] == {"queue": MAINTENANCE_QUEUE}
