from typing import Any

import pytest

from billing_core.errors import MalformedEvent
from billing_core.event_types import FAMILY_OF
from billing_core.facts import Query
from billing_core.kinds import DISPUTE, INVOICE, KIND_OF, PAYMENT_METHOD, SUBSCRIPTION, Kind
from billing_core.records import InvoiceRecord, PaymentMethodRecord, Record
from tests.building import Json, dispute, event, invoice, moment, payment_method, subscription
from workers import handlers

OBJECT_OF: dict[Kind, Json] = {
    SUBSCRIPTION: subscription(),
    INVOICE: invoice(),
    PAYMENT_METHOD: payment_method(),
    DISPUTE: dispute(),
}


def read(obj: Json, **options: Any) -> Record | Query:
    _, told = handlers.read(event(obj, **options))
    return told


def test_every_type_of_the_registry_has_a_handler_and_no_other() -> None:
    assert set(handlers.HANDLERS) == set(FAMILY_OF)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [(type_, handler.kind) for type_, handler in handlers.HANDLERS.items() if handler.kind in OBJECT_OF],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_handler_returns_a_record_of_its_kind(type_: str, kind: Kind) -> None:
    told = read(OBJECT_OF[kind], type=type_)
    assert not isinstance(told, Query)
    assert KIND_OF[type(told)] is kind


def read_detached(**options: Any) -> PaymentMethodRecord:
    told = read(payment_method(customer=None), type="payment_method.detached", **options)
    assert isinstance(told, PaymentMethodRecord)
    return told


def test_detached_payment_method_keeps_its_former_customer() -> None:
    record = read_detached(at=7, previous={"customer": "cus_1"})
    assert (record.stripe_customer_id, record.detached_at) == ("cus_1", moment(7))


@pytest.mark.parametrize("previous", [None, {"metadata": {}}])
def test_detached_payment_method_of_an_unknown_customer_has_none(previous: Json | None) -> None:
    assert read_detached(previous=previous).stripe_customer_id is None


def test_attached_payment_method_is_not_detached() -> None:
    told = read(payment_method())
    assert isinstance(told, PaymentMethodRecord)
    assert told.detached_at is None


def test_deleted_draft_says_so() -> None:
    told = read(invoice(status="draft"), type="invoice.deleted")
    assert isinstance(told, InvoiceRecord)
    assert told.status == "deleted"


def test_type_without_a_handler_is_named() -> None:
    with pytest.raises(MalformedEvent, match=r"evt_sub_1_0: no handler for customer\.discount\.created"):
        read(subscription(), type="customer.discount.created")


@pytest.mark.parametrize(
    "broken",
    [
        subscription(created="yesterday"),
        subscription(items=[1]),
        subscription(items={"data": [None]}),
        subscription(created=10**20),
        subscription(created=10**12),
        subscription(customer=7),
        invoice(currency=36),
        invoice(amount_due="1000", amount_paid=0, amount_remaining=None, parent="sub_1"),
        payment_method(type=["card"]),
        payment_method(card="4242"),
        dispute(evidence_details=7),
    ],
    ids=lambda obj: obj["id"],
)
def test_object_of_no_shape_that_stripe_sends_is_malformed(broken: Json) -> None:
    with pytest.raises(MalformedEvent, match="of no shape that Stripe sends") as error:
        read(broken)
    assert error.value.__cause__ is not None


def test_charge_without_its_id_or_with_refunds_of_no_shape_is_malformed() -> None:
    with pytest.raises(MalformedEvent):
        read({"object": "charge"}, type="charge.refunded", id="evt_1")
    with pytest.raises(MalformedEvent):
        read({"id": "ch_1", "refunds": {"data": {"a": 1}}}, type="charge.refunded", id="evt_1")
