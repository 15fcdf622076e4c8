"""How many statements a batch takes depends on what there is to do, never on how many events there are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.database import Database
from billing_core.facts import Fact
from billing_core.process import Processor
from tests.building import dispute, event_body, fact, fact_from, invoice, payment_method, subscription
from tests.scripted_stripe import ScriptedStripe
from tests.stores import link, outcomes

MOST = 12
BATCH = 100

# SQLite's own: they mark where a transaction begins.
CONTROL = ("BEGIN", "PRAGMA")


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Count each call of the driver; SQLite, which is no network away, gets many rows in one call."""
    seen = list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(CONTROL):
            seen.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(database.engine, "before_cursor_execute", note)


def invoice_payment(number: int, of: str) -> dict[str, Any]:
    return {
        "id": f"inpay_{number}",
        "object": "invoice_payment",
        "invoice": of,
        "payment": {"type": "payment_intent", "payment_intent": f"pi_{number}"},
        "amount_paid": 1000,
        "amount_requested": 1000,
        "currency": "aud",
        "status": "paid",
        "status_transitions": {"paid_at": None},
        "created": 1_750_000_000,
    }


def payment(number: int, at: int) -> Fact:
    """Return the fact that an invoice was paid."""
    body = event_body(
        invoice_payment(number, f"in_{number}"), id=f"evt_payment_{number}_{at}", type="invoice_payment.paid", at=at
    )
    return fact_from(body)


def mixed(objects: Callable[[int], dict[str, Any]], size: int, first: int = 0) -> list[Fact]:
    """A fifth each: new objects, changed ones (twice), states that are over, and those of a customer without a user."""
    changed, new, stale, parked, _ = fifths(size, first)
    told = [fact(objects(number), at=at) for at in (50, 60) for number in changed]
    told += [fact(objects(number), at=50) for number in new]
    told += [fact(objects(number), at=1) for number in stale]
    return told + [fact(objects(number) | {"customer": "cus_9"}, at=50) for number in parked]


def known(objects: Callable[[int], dict[str, Any]], size: int, first: int = 0) -> list[Fact]:
    """What is on record before such a batch."""
    changed, _, stale, *_ = fifths(size, first)
    return [fact(objects(number), at=20) for number in [*changed, *stale]]


def fifths(size: int, first: int) -> list[range]:
    fifth = size // 5
    return [range(first + part * fifth, first + (part + 1) * fifth) for part in range(5)]


def subscriptions(number: int) -> dict[str, Any]:
    return subscription(f"sub_{number}")


def invoices(number: int) -> dict[str, Any]:
    return invoice(f"in_{number}", of=f"sub_{number}")


def payment_methods(number: int) -> dict[str, Any]:
    return payment_method(f"pm_{number}")


def disputes(number: int) -> dict[str, Any]:
    return dispute(f"du_{number}", charge=f"ch_{number}")


def count(database: Database, before: Sequence[Fact], batch: Sequence[Fact], stripe: ScriptedStripe) -> int:
    processor = Processor(database, stripe)
    processor.process(before)
    with statements(database) as seen:
        processed = processor.process(batch)
    assert processed.outcomes.keys() == {one.event.id for one in batch}
    assert not processed.later
    return len(seen)


@pytest.fixture
def stripe(database: Database) -> ScriptedStripe:
    link(database, "cus_9", None)
    stripe = ScriptedStripe()
    for number in range(2 * BATCH):
        stripe.holds(f"/v1/charges/ch_{number}", {"id": f"ch_{number}", "customer": "cus_1", "invoice": f"in_{number}"})
    return stripe


@pytest.mark.parametrize("objects", [subscriptions, invoices, payment_methods, disputes])
def test_mixed_batch_of_a_hundred_takes_as_few_statements_as_one_of_ten(
    database: Database, stripe: ScriptedStripe, objects: Callable[[int], dict[str, Any]]
) -> None:
    ten = count(database, known(objects, 10), mixed(objects, 10), stripe)
    hundred = count(database, known(objects, BATCH, BATCH), mixed(objects, BATCH, BATCH), stripe)
    assert ten == hundred <= MOST


def test_invoices_and_their_payments_share_a_batch_of_as_few_statements(
    database: Database, stripe: ScriptedStripe
) -> None:
    half = BATCH // 2
    paid = [payment(number, at=50) for number in range(half)]
    paid_before = [payment(number, at=5) for number in fifths(half, 0)[0]]
    assert count(database, known(invoices, half) + paid_before, mixed(invoices, half) + paid, stripe) <= MOST
    assert outcomes(database)["evt_payment_0_50"] == "applied"
