"""`billing status`: what waits, and what came of the rest."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from billing_core.heartbeats import Role
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from config.queues import Family
from tests.billing_core.cli.operator import Operation, billing
from tests.billing_core.test_watch.watched import Watched
from tests.building import event_body, invoice, subscription


@pytest.fixture(autouse=True)
def _service_lives(operation: Operation) -> None:
    Watched(operation.redis, operation.here.database).live()


def events(*numbers: int, customer: str | None = "cus_1") -> dict[str, bytes]:
    return {
        f"evt_{number}": event_body(invoice(f"in_{number}", customer=customer), id=f"evt_{number}")
        for number in numbers
    }


def test_status_counts_what_waits_by_family(operation: Operation) -> None:
    operation.accept(events(1, 2))
    operation.accept({"evt_3": event_body(subscription(), id="evt_3")}, Family.SUBSCRIPTION)
    answer = billing("status", "--json")
    waiting = {one["family"]: (one["inbox"], one["queue"]) for one in answer.json()["waiting"]}
    assert waiting == dict.fromkeys(Family, (0, 0)) | {Family.INVOICE: (2, 1), Family.SUBSCRIPTION: (1, 1)}
    assert answer.code == 0


def test_status_counts_outcomes_of_the_last_hours(operation: Operation) -> None:
    operation.handle(events(1, 2))
    with operation.here.database.write() as session:
        old = sa.update(BillingEvent).where(BillingEvent.stripe_event_id == "evt_1")
        session.execute(old.values(processed_at=utc_now() - timedelta(hours=25)))
    answer = billing("status")
    assert answer.code == 0
    assert answer.lines[0].split() == ["family", "inbox", "queue", "oldest_s"]
    assert "events of the last 24 h: applied=1" in answer.lines
    assert "unresolved, however old: none" in answer.lines
    assert billing("status", "--hours", "48", "--json").json()["outcomes"] == {"applied": 2}


def test_dead_letter_makes_exit_code_1_however_old_it_is(operation: Operation) -> None:
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    operation.handle(events(1, customer=None) | events(2, customer="cus_9"))
    with operation.here.database.write() as session:
        session.execute(sa.update(BillingEvent).values(processed_at=utc_now() - timedelta(days=90)))
    answer = billing("status")
    assert answer.code == 1
    assert answer.lines[-2:] == ["events of the last 24 h: none", "unresolved, however old: dead=1 parked=1"]


@pytest.mark.parametrize("hours", ["0", "99999999", "day"])
def test_hours_that_are_none_are_wrong_usage(operation: Operation, hours: str) -> None:
    assert billing("status", "--hours", hours).code == 2


def test_what_is_wrong_is_told_with_what_to_do(operation: Operation) -> None:
    Watched(operation.redis, operation.here.database).beat(Role.WORKER, 7, seconds_ago=60)
    answer = billing("status")
    assert answer.code == 1
    (at,) = [
        number for number, line in enumerate(answer.lines) if line.startswith("fail workers: worker host:7 is silent")
    ]
    assert answer.lines[at + 1].strip().startswith("restart it")
    (wrong,) = billing("status", "--json").json()["wrong"]
    assert (wrong["check"], wrong["level"]) == ("workers", "fail")


def test_what_is_only_worth_a_warning_leaves_exit_code_0(operation: Operation) -> None:
    Watched(operation.redis, operation.here.database).beat(Role.BEAT, 3)
    answer = billing("status")
    assert answer.code == 0
    assert any(line.startswith("warn beat: ") for line in answer.lines)


def test_what_waits_is_told_while_the_database_is_away(
    operation: Operation, away_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation.accept(events(1, 2))
    monkeypatch.setenv("DATABASE_URL", away_url)
    answer = billing("status", "--json")
    assert answer.code == 1
    assert sum(one["inbox"] for one in answer.json()["waiting"]) == 2
    assert [one["check"] for one in answer.json()["wrong"]] == ["database"]
    assert "fail database: away" in billing("status").out
