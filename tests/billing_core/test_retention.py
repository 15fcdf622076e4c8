"""Old payloads go, and nothing else does."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from billing_core import parked, retention
from billing_core.database import Database
from billing_core.models import BillingEvent
from billing_core.ordering import Outcome
from billing_core.owners import NO_USER_OF_OURS
from billing_core.process import Processor
from billing_core.retention import expire_payloads
from tests.building import fact, moment, subscription
from tests.scripted_stripe import ScriptedStripe
from tests.stores import count, row


def store(database: Database, *events: tuple[str, float]) -> None:
    """Write events with an outcome, and when they came to it."""
    common = {"event_type": "invoice.paid", "livemode": False, "event_data": "{}", "changes": {"status": [1, 2]}}
    rows = [
        common
        | dict.fromkeys(("stripe_created_at", "received_at", "processed_at"), moment(at))
        | {"stripe_event_id": f"evt_{number}", "outcome": outcome}
        for number, (outcome, at) in enumerate(events)
    ]
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), rows)


def with_payload(database: Database) -> set[str]:
    with database.read() as session:
        kept = BillingEvent.event_data.is_not(None)
        return set(session.scalars(sa.select(BillingEvent.stripe_event_id).where(kept)))


def test_payloads_go_but_those_of_the_young_and_the_unresolved(database: Database) -> None:
    store(database, *((outcome, -1) for outcome in Outcome), ("applied", 0), ("stale", 1))
    assert expire_payloads(database, moment(0)) == 4
    assert with_payload(database) == {"evt_3", "evt_5", "evt_6", "evt_7"}
    kept = row(database, BillingEvent, stripe_event_id="evt_0")
    assert (kept.event_data, kept.outcome, kept.changes) == (None, "applied", {"status": [1, 2]})
    assert (expire_payloads(database, moment(0)), expire_payloads(database, moment(1))) == (0, 1)


def test_runs_are_bounded_and_go_on_where_the_last_one_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "EXPIRED_AT_ONCE", 2)
    monkeypatch.setattr(retention, "EXPIRED_IN_ALL", 3)
    store(database, *(("applied", -3) for _ in range(5)), ("stale", -2), ("tie", -1))
    assert [expire_payloads(database, moment(0)) for _ in range(4)] == [4, 3, 0, 0]
    assert with_payload(database) == set()


def test_what_was_dead_for_long_goes_after_its_replay(any_database: Database) -> None:
    store(any_database, ("dead", -9), ("applied", -8))
    assert expire_payloads(any_database, moment(0)) == 1
    with any_database.write() as session:
        dead = BillingEvent.outcome == "dead"
        session.execute(sa.update(BillingEvent).where(dead).values(outcome="applied", processed_at=moment(5)))
    assert expire_payloads(any_database, moment(5)) == 0
    assert expire_payloads(any_database, moment(6)) == 1


def test_longer_retention_than_before_takes_nothing(any_database: Database) -> None:
    store(any_database, ("applied", -1), ("applied", 1))
    assert expire_payloads(any_database, moment(0)) == 1
    assert expire_payloads(any_database, moment(-100)) == 0
    assert expire_payloads(any_database, moment(2)) == 1


def test_foreign_events_that_lost_their_payload_do_not_keep_others_from_their_owner(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "BATCH", 1)
    store(any_database, ("foreign", -1), ("parked", -1))
    with any_database.write() as session:
        session.execute(sa.update(BillingEvent).values(stripe_customer_id="cus_1", reason=NO_USER_OF_OURS))
    assert expire_payloads(any_database, moment(0)) == 1
    with any_database.read() as session:
        assert [event.event_id for event in parked.owned_by_now(session)] == ["evt_1"]


def test_event_that_comes_again_has_no_second_effect(any_database: Database) -> None:
    again = fact(subscription(status="active"), id="evt_1")
    processor = Processor(any_database, ScriptedStripe())
    processor.process([again])
    later = row(any_database, BillingEvent).processed_at + timedelta(seconds=1)
    assert expire_payloads(any_database, later) == 1
    assert not processor.process([again]).later
    assert count(any_database, BillingEvent) == 1
    assert (row(any_database, BillingEvent).event_data, row(any_database, BillingEvent).attempts) == (None, 1)
