from dataclasses import replace
from typing import Any

import pytest

from billing_core import audit
from billing_core.audit import Entry
from billing_core.database import Database
from billing_core.models import BillingEvent
from billing_core.ordering import SETTLED, Outcome
from tests.building import event, fact, moment, subscription
from tests.stores import count, outcomes, row

EVENT = "evt_sub_1_0"


def entry(outcome: Outcome = Outcome.APPLIED, **fields: Any) -> Entry:
    return Entry(fact(subscription()), outcome, **fields)


def record(database: Database, *entries: Entry) -> None:
    with database.write() as session:
        audit.record(session, entries, audit.on_record(session, [entry.fact.event.id for entry in entries]))


def record_dead(database: Database, reason: str = "Poison", **columns: Any) -> None:
    known = {"stripe_event_id": EVENT, "event_type": "unreadable", "livemode": False, "event_data": "{"}
    moments = {"stripe_created_at": moment(), "received_at": moment()}
    with database.write() as session:
        audit.record_dead(session, known | moments | columns, reason, "Traceback …", attempts=3)


def on_record(database: Database) -> Any:
    return row(database, BillingEvent, stripe_event_id=EVENT)


def test_row_tells_the_event_and_what_became_of_it(database: Database) -> None:
    done = entry(changes={"status": [None, "active"]}, user_id=1)
    record(database, replace(done, fact=replace(done.fact, attempts=2)))
    told = on_record(database)
    assert told.event_type == "customer.subscription.updated"
    assert told.object_id == "sub_1"
    assert told.stripe_customer_id == "cus_1"
    assert told.user_id == 1
    assert told.api_version == "2026-10-28.endive"
    assert told.livemode is False
    assert (told.request_id, told.idempotency_key) == ("req_1", "key_1")
    assert (told.stripe_created_at, told.received_at) == (moment(), moment(60))
    assert told.processed_at > told.received_at
    assert (told.outcome, told.reason, told.error, told.attempts) == ("applied", None, None, 2)
    assert told.changes == {"status": [None, "active"]}


def test_payload_is_kept_as_stripe_signed_it(database: Database) -> None:
    done = entry()
    record(database, done)
    assert on_record(database).event_data == done.fact.payload


def test_entry_without_changes_has_none(database: Database) -> None:
    record(database, entry())
    assert on_record(database).changes is None


@pytest.mark.parametrize("before", [Outcome.PARKED, Outcome.DEAD])
def test_parked_and_dead_events_progress_in_their_row(database: Database, before: Outcome) -> None:
    record(database, entry(before, reason="no user is linked to the customer"))
    record(database, entry(user_id=1))
    assert count(database, BillingEvent) == 1
    assert (on_record(database).outcome, on_record(database).reason, on_record(database).user_id) == (
        "applied",
        None,
        1,
    )


@pytest.mark.parametrize("settled", sorted(SETTLED))
def test_what_is_over_stays_as_it_was_recorded(database: Database, settled: Outcome) -> None:
    record(database, entry(settled, changes={"status": [None, "active"]}, user_id=1))
    before = on_record(database)
    record(database, entry(Outcome.STALE))
    record_dead(database)
    after = on_record(database)
    assert (after.outcome, after.changes, after.user_id) == (settled, before.changes, 1)
    assert (after.processed_at, after.error) == (before.processed_at, None)


def test_new_and_known_events_are_recorded_together(database: Database) -> None:
    record(database, entry(Outcome.PARKED))
    record(database, entry(), Entry(fact(subscription(), at=5), Outcome.STALE))
    assert outcomes(database) == {EVENT: "applied", "evt_sub_1_5": "stale"}


def test_nothing_to_record_records_nothing(database: Database) -> None:
    record(database)
    assert count(database, BillingEvent) == 0


def test_settled_names_only_the_events_that_are_over(database: Database) -> None:
    entries = [Entry(fact(subscription(), id=f"evt_{outcome}"), outcome) for outcome in Outcome]
    record(database, *entries)
    with database.read() as session:
        asked = [*(one.fact.event.id for one in entries), "evt_never_seen"]
        assert audit.settled(audit.on_record(session, asked)) == {f"evt_{outcome}" for outcome in SETTLED}


def test_dead_letter_has_reason_error_and_attempts(database: Database) -> None:
    record_dead(database, "MalformedEvent: it has no data")
    dead = on_record(database)
    assert (dead.outcome, dead.reason) == ("dead", "MalformedEvent: it has no data")
    assert (dead.error, dead.attempts, dead.event_data) == ("Traceback …", 3, "{")


def test_dead_letter_of_an_event_that_was_parked_is_in_its_row(database: Database) -> None:
    record(database, entry(Outcome.PARKED, reason="no user is linked to the customer"))
    record_dead(database)
    assert count(database, BillingEvent) == 1
    assert (on_record(database).outcome, on_record(database).reason) == ("dead", "Poison")


def test_long_reason_is_cut_to_its_column(database: Database) -> None:
    record_dead(database, "x" * 2000)
    assert on_record(database).reason == "x" * 500


def test_columns_of_an_event_leave_out_an_id_that_is_no_text() -> None:
    assert audit.event_columns(event(subscription()))["object_id"] == "sub_1"
    assert audit.event_columns(event(subscription(id="sub_1") | {"id": 7}))["object_id"] is None
