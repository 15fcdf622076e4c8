"""The task that lets old payloads go: only where it is asked for, on its queue, and what it tells."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from config.celery import beat_schedule, celery_configuration
from config.queues import EXPIRE_PAYLOADS_TASK, MAINTENANCE_QUEUE
from config.settings import Settings
from tests.stores import row
from workers import retention as task


def run(database: Database, monkeypatch: pytest.MonkeyPatch, days: int | None) -> list[object]:
    here = SimpleNamespace(settings=Settings(env="test", event_retention=days), database=database)
    monkeypatch.setattr(task, "runtime", lambda: here)
    with capture_logs() as logs:
        task.expire_payloads.run()
    return list(logs)


def store(database: Database, *, days: int) -> None:
    moments = dict.fromkeys(("stripe_created_at", "received_at", "processed_at"), utc_now() - timedelta(days=days))
    named = {"stripe_event_id": "evt_1", "event_type": "invoice.paid", "livemode": False, "outcome": "applied"}
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), [named | moments | {"event_data": "{}"}])


def test_task_counts_days(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store(any_database, days=10)
    assert run(any_database, monkeypatch, None) == run(any_database, monkeypatch, 11) == []
    assert row(any_database, BillingEvent).event_data == "{}"
    assert run(any_database, monkeypatch, 9) == [{"event": "payloads.expired", "log_level": "info", "count": 1}]
    assert row(any_database, BillingEvent).event_data is None


def test_absent_database_postpones(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> int:
        raise DatabaseUnavailable("it is away")

    monkeypatch.setattr(task, "expire", away)
    assert run(sqlite, monkeypatch, 9) == [
        {"event": "payloads.postponed", "log_level": "warning", "reason": "it is away"}
    ]


def test_task_is_scheduled_where_it_is_asked_for_and_runs_in_the_maintenance_queue() -> None:
    assert EXPIRE_PAYLOADS_TASK in beat_schedule(Settings(env="test", event_retention=1))
    assert EXPIRE_PAYLOADS_TASK not in beat_schedule(Settings(env="test"))
    assert celery_configuration(Settings(env="test"))["task_routes"][EXPIRE_PAYLOADS_TASK] == {
        "queue": MAINTENANCE_QUEUE
    }
