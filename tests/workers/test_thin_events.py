"""A thin event names its object only: the worker fetches it, and what is left is what its snapshot event leaves."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from billing_core.database import Database
from billing_core.event_types import THIN
from billing_core.events import decode_event
from billing_core.facts import Fact, Notice, Query
from billing_core.kinds import CUSTOMER, DISPUTE, INVOICE, KINDS, REFUND, Kind
from billing_core.models import BillingCustomer, BillingEvent
from billing_core.process import Processor
from billing_core.records import Record
from billing_core.shapes import app_of
from config.queues import Family
from tests.building import Json, event_body, invoice, moment
from tests.convergence.courier import DirectStripe
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card
from tests.fake_stripe.builders import subscription as subscribe
from tests.stores import count, open_database, outcomes, row
from tests.workers.test_batch import Door, door_to
from workers import handlers


def thin_body(type_: str, object_id: str) -> bytes:
    body = {
        "id": f"evt_test_{object_id}",
        "object": "v2.core.event",
        "type": f"{THIN}{type_}",
        "created": "2026-09-21T14:13:27.000Z",
        "livemode": False,
        "related_object": {"id": object_id, "type": "any", "url": f"/v1/any/{object_id}"},
    }
    return json.dumps(body).encode()


def told(body: bytes) -> Fact | Notice:
    """Return what a worker makes of a body."""
    event = decode_event("evt_told", body)
    kind, found = handlers.read(event)
    if isinstance(found, Query):
        return Notice(event, kind, found, body.decode(), moment(60), 1)
    return Fact(event, found, body.decode(), moment(60), 1, app_of(event.data.object))


# --- what is asked


@pytest.mark.parametrize("type_", [type_ for type_ in handlers.HANDLERS if type_ != "charge.refunded"])
def test_thin_event_asks_for_the_object_it_names(type_: str) -> None:
    event = decode_event("evt", thin_body(type_, "obj_1"))
    kind, found = handlers.read(event)
    ended_at = event.as_of if type_ in ("customer.deleted", "payment_method.detached") else None
    assert found == Query(f"{kind.path}obj_1", ended_at=ended_at)
    assert kind is handlers.HANDLERS[type_].kind


def test_thin_event_of_a_refunded_charge_asks_for_its_newest_refund() -> None:
    kind, found = handlers.read(decode_event("evt", thin_body("charge.refunded", "ch_1")))
    assert (kind, found) == (REFUND, Query("/v1/refunds", {"charge": "ch_1", "limit": 1}))


# --- a life, told at once by snapshot events to one database and by thin events to another


def life(fake: FakeStripe) -> Iterator[None]:
    """Let one customer live through what can happen; after each step the events so far are to be delivered."""
    customer, method = customer_with_card(fake, metadata={"user_id": "1"})
    yield
    draft = call(fake, "POST", "/v1/invoices", customer=customer["id"])
    yield
    call(fake, "DELETE", f"/v1/invoices/{draft['id']}")
    yield
    sub = subscribe(fake, customer)
    yield
    fake.cards.decline(method["id"])
    fake.clock.advance(days=32)
    yield
    fake.cards.accept(method["id"])
    fake.clock.advance(days=4)
    yield
    paid = next(charge for charge in fake.charges.values() if charge["paid"])
    call(fake, "POST", "/v1/refunds", charge=paid["id"], amount=100)
    yield
    fake.control.open_dispute(charge=paid["id"])
    yield
    call(fake, "DELETE", f"/v1/subscriptions/{sub['id']}")
    yield
    call(fake, "POST", f"/v1/payment_methods/{method['id']}/detach")
    yield
    fake.clock.advance(seconds=60)
    call(fake, "DELETE", f"/v1/customers/{customer['id']}")
    yield


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe(seed=11, rate=0)


@pytest.fixture
def other(prepared_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """A second SQLite file."""
    database = open_database(f"sqlite:///{shutil.copy(prepared_sqlite, tmp_path / 'other.db')}")
    yield database
    database.dispose()


def live(fake: FakeStripe, *deliver: Callable[[Json], None]) -> set[str]:
    """Deliver each event of a life soon after it happened, in every given way; return the types that came."""
    delivered = dict[str, str]()
    for _ in life(fake):
        for event in fake.events_of(*handlers.HANDLERS):
            if event["id"] not in delivered:
                delivered[event["id"]] = event["type"]
                for way in deliver:
                    way(event)
    return set(delivered.values())


def deliver_to(database: Database, fake: FakeStripe, *, is_thin: bool) -> Callable[[Json], None]:
    processor = Processor(database, DirectStripe(fake))

    def deliver(event: Json) -> None:
        assert processor.process([told(fake.body(event, is_thin=is_thin))]).later == {}

    return deliver


def rows(database: Database) -> dict[str, tuple[Record, int | None]]:
    """Return each object's record and owner by Stripe's ID."""
    found = dict[str, tuple[Record, int | None]]()
    with database.read() as session:
        for kind in KINDS:
            for held in session.execute(select(*kind.held)).mappings():
                record = kind.state(held).record
                found[kind.stripe_id(record)] = (record, held["user_id"])
    return found


def test_thin_events_leave_the_rows_that_snapshot_events_leave(
    fake: FakeStripe, any_database: Database, other: Database
) -> None:
    types = live(fake, deliver_to(any_database, fake, is_thin=False), deliver_to(other, fake, is_thin=True))
    assert {handlers.HANDLERS[type_].kind for type_ in types} == set(KINDS)
    assert {"invoice.deleted", "payment_method.detached", "customer.deleted", "charge.refunded"} <= types
    assert rows(other) == rows(any_database)


@pytest.mark.parametrize("thin_first", [False, True])
def test_thin_and_snapshot_event_of_the_same_change_leave_one_effect(
    fake: FakeStripe, any_database: Database, other: Database, thin_first: bool
) -> None:
    ways = [deliver_to(any_database, fake, is_thin=is_thin) for is_thin in (thin_first, not thin_first)]
    live(fake, deliver_to(other, fake, is_thin=False), *ways)
    assert rows(any_database) == rows(other)
    assert count(any_database, BillingEvent) == 2 * count(other, BillingEvent)
    assert set(outcomes(any_database).values()) <= {"applied", "stale", "tie"}


# --- what is gone


def test_thin_event_of_a_deleted_draft_marks_what_we_hold(any_database: Database, fake: FakeStripe) -> None:
    processor = Processor(any_database, DirectStripe(fake))
    processor.process([told(event_body(invoice(status="draft")))])
    processor.process([told(thin_body("invoice.deleted", "in_1"))])
    assert row(any_database, INVOICE.model, stripe_invoice_id="in_1").status == "deleted"


def test_thin_event_of_a_deleted_customer_keeps_its_user(fake: FakeStripe, any_database: Database) -> None:
    live(fake, deliver_to(any_database, fake, is_thin=True))
    [customer] = fake.customers
    deleted = fake.events_of("customer.deleted")[0]
    held = row(any_database, BillingCustomer, stripe_customer_id=customer)
    assert (held.user_id, held.deleted_at.timestamp()) == (1, deleted["created"])


def test_thin_event_of_a_deleted_customer_keeps_whom_it_named(fake: FakeStripe, any_database: Database) -> None:
    live(fake, deliver_to(any_database, fake, is_thin=True))
    [customer] = fake.customers
    assert row(any_database, BillingCustomer, stripe_customer_id=customer).named_user == "1"


@pytest.fixture
def door(redis_url: str, any_database: Database) -> Iterator[Door]:
    with Redis.from_url(redis_url) as redis:
        yield door_to(any_database, redis, redis_url)


@pytest.mark.parametrize(
    ("type_", "family", "object_id", "kind"),
    [
        ("invoice.deleted", Family.INVOICE, "in_1", INVOICE),
        ("charge.dispute.created", Family.DISPUTE, "du_1", DISPUTE),
        ("customer.updated", Family.CUSTOMER, "cus_9", CUSTOMER),
    ],
)
def test_thin_event_of_what_neither_stripe_nor_we_have_becomes_a_dead_letter(
    door: Door, any_database: Database, type_: str, family: Family, object_id: str, kind: Kind
) -> None:
    body = thin_body(type_, object_id)
    assert door.handle({f"evt_test_{object_id}": body}, family) == []
    dead = row(any_database, BillingEvent, stripe_event_id=f"evt_test_{object_id}")
    assert (dead.outcome, dead.event_type, json.loads(dead.event_data)) == ("dead", type_, json.loads(body))
    assert "StripeObjectMissing" in dead.error
    assert door.stripe.asked == [f"{kind.path}{object_id}"]
    assert door.waiting(family) == set()
    assert rows(any_database).keys() == {"cus_1", "cus_2"}
