"""`lost` is computed, not assumed: fake Stripe's list held against the audit trail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.models import BillingEvent, PaymentMethod, User
from tests.fake_stripe.builders import EIGHT_TYPES
from tests.run.report import shortfalls
from tests.run.trail import Trail

ACCEPTED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
CARD = "pm_1"


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    migrations.upgrade(any_database_url)
    database = Database(create_engine_for(any_database_url, pool_size=1))
    with database.write() as session:
        session.add(User(user_id=1))
        session.flush()
        card = {"user_id": 1, "stripe_payment_method_id": CARD, "type": "card", "as_of": ACCEPTED}
        session.execute(insert(PaymentMethod), [card])
    yield database
    database.dispose()


def event(event_id: str, event_type: str = "payment_method.attached") -> dict[str, Any]:
    return {"id": event_id, "type": event_type}


def record(database: Database, event_id: str, outcome: str, **columns: Any) -> None:
    row = {
        "stripe_event_id": event_id,
        "event_type": "payment_method.attached",
        "object_id": CARD,
        "livemode": False,
        "stripe_created_at": ACCEPTED,
        "received_at": ACCEPTED,
        "processed_at": ACCEPTED + timedelta(milliseconds=250),
        "outcome": outcome,
    }
    with database.write() as session:
        session.execute(insert(BillingEvent), [row | columns])


def test_event_without_a_row_is_lost(database: Database) -> None:
    record(database, "evt_1", "applied")
    verdict = Trail(database, lambda: [event("evt_1"), event("evt_2")]).verdict()
    assert [lost["id"] for lost in verdict.lost] == ["evt_2"]
    assert str(verdict) == "applied=1 event_types=1 lost=1"
    assert not verdict.good


@pytest.mark.parametrize("outcome", ["parked", "dead"])
def test_event_that_is_not_settled_is_lost(database: Database, outcome: str) -> None:
    record(database, "evt_1", outcome)
    assert str(Trail(database, lambda: [event("evt_1")]).verdict()) == "applied=0 event_types=0 lost=1"


@pytest.mark.parametrize("outcome", ["applied", "stale", "tie"])
def test_event_with_an_effect_counts_as_applied(database: Database, outcome: str) -> None:
    record(database, "evt_1", outcome)
    assert str(Trail(database, lambda: [event("evt_1")]).verdict()) == "applied=1 event_types=1 lost=0"


def test_verdict_is_good_only_with_every_event_type(database: Database) -> None:
    types = sorted(EIGHT_TYPES)
    sent = [event(f"evt_{number}", event_type) for number, event_type in enumerate(types)]
    trail = Trail(database, lambda: sent)
    for one in sent[1:]:
        record(database, one["id"], "applied", event_type=one["type"])
    assert list(shortfalls(trail.verdict())) == [
        f"missing: no {types[0]} was applied",
        f"lost: evt_0 {types[0]} has no settled row in BillingEvents",
    ]
    record(database, "evt_0", "applied", event_type=types[0])
    assert trail.verdict().good


def test_types_that_we_do_not_handle_are_counted_and_never_lost(database: Database) -> None:
    trail = Trail(database, lambda: [event("evt_1", "charge.succeeded"), event("evt_2", "charge.succeeded")])
    assert trail.unhandled_types() == {"charge.succeeded": 2}
    assert trail.verdict().lost == []


def test_each_footprint_shows_the_row_as_it_stood_right_after_the_event(database: Database) -> None:
    record(database, "evt_1", "applied", changes={"brand": [None, "visa"], "last4": [None, "4242"]})
    record(database, "evt_2", "applied", changes={"detached_at": [None, "2026-11-23T03:00:00+00:00"]})
    record(database, "evt_3", "stale")
    sent = [event(f"evt_{number}") for number in (1, 2, 3)]
    footprints = Trail(database, lambda: sent).footprints()
    assert [footprint.row for footprint in footprints] == [
        "PaymentMethods #1 visa 4242",
        "PaymentMethods #1 visa 4242 detached",
        "PaymentMethods #1 visa 4242 detached",
    ]
    assert [footprint.lag for footprint in footprints] == [0.25] * 3


def test_event_about_an_object_that_we_do_not_keep_has_no_row(database: Database) -> None:
    record(database, "evt_1", "foreign", object_id="pm_of_somebody_else")
    (footprint,) = Trail(database, lambda: [event("evt_1")]).footprints()
    assert footprint.row == "no row"
