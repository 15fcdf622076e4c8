"""Each era's shape of an object gives the record of its modern twin."""

from collections.abc import Callable
from typing import Any

import pytest

from billing_core.errors import MalformedEvent
from billing_core.events import decode_event
from billing_core.kinds import DISPUTE, INVOICE, PAYMENT_METHOD, SUBSCRIPTION, Kind
from billing_core.shapes import (
    app_of,
    customer_record,
    dispute_record,
    invoice_record,
    payment_method_record,
    subscription_record,
)
from tests.building import MONTH, T0, Json, dispute, invoice, moment, payment_method, subscription
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import eight_types
from workers import handlers

DAY = 86_400


def without(obj: Json, *names: str) -> Json:
    return {name: value for name, value in obj.items() if name not in names}


def item(start: int, end: int, **fields: Any) -> Json:
    return {
        "id": "si",
        "object": "subscription_item",
        "current_period_start": start,
        "current_period_end": end,
    } | fields


def items(*found: Json) -> Json:
    return {"object": "list", "data": list(found)}


# --- subscriptions


def subscription_before_basil() -> Json:
    """2018-05-21 to 2025-02-24: the period at the root; `plan` beside `price`."""
    old = item(0, 0, plan={"id": "price_1"}, price={"id": "price_1"}, quantity=1)
    period: Json = {"current_period_start": T0, "current_period_end": T0 + MONTH}
    return subscription(items=items(without(old, "current_period_start", "current_period_end")), **period)


def subscription_of_2017() -> Json:
    """No prices, no default payment method, no latest invoice; plan and quantity at the root too."""
    plan = {"id": "price_1", "object": "plan", "amount": 1000}
    period: Json = {"current_period_start": T0, "current_period_end": T0 + MONTH}
    old = subscription(items=items({"id": "si_1", "plan": plan, "quantity": 1}), plan=plan, quantity=1, **period)
    return without(old, "default_payment_method", "latest_invoice", "cancel_at")


def test_subscription_before_basil_reads_as_its_modern_twin() -> None:
    assert subscription_record(subscription_before_basil()) == subscription_record(subscription())


def test_subscription_of_2017_reads_as_its_modern_twin() -> None:
    twin = subscription(default_payment_method=None, latest_invoice=None)
    assert subscription_record(subscription_of_2017()) == subscription_record(twin)


def test_subscription_without_items_has_its_plan_at_the_root() -> None:
    record = subscription_record(without(subscription_of_2017(), "items"))
    assert (record.stripe_price_id, record.quantity) == ("price_1", 1)


def test_expanded_references_read_as_their_ids() -> None:
    expanded = subscription(
        customer={"id": "cus_1", "object": "customer", "email": "jenny@example.com"},
        default_payment_method={"id": "pm_1"},
        latest_invoice={"id": "in_1"},
    )
    assert subscription_record(expanded) == subscription_record(subscription())


def test_deleted_customer_in_a_reference_reads_as_its_id() -> None:
    assert subscription_record(subscription(customer={"id": "cus_1", "deleted": True})).stripe_customer_id == "cus_1"


def test_period_is_from_the_latest_start_to_the_earliest_end() -> None:
    monthly, weekly = item(T0, T0 + MONTH), item(T0 + 7 * DAY, T0 + 14 * DAY)
    record = subscription_record(subscription(items=items(monthly, weekly)))
    assert (record.current_period_start, record.current_period_end) == (moment(7 * DAY), moment(14 * DAY))


@pytest.mark.parametrize("end", [T0 - DAY, T0])
def test_item_whose_period_ended_before_anothers_began_is_not_current(end: int) -> None:
    record = subscription_record(subscription(items=items(item(T0 - MONTH, end), item(T0, T0 + MONTH))))
    assert (record.current_period_start, record.current_period_end) == (moment(), moment(MONTH))


def test_period_without_length_is_kept_as_it_is() -> None:
    record = subscription_record(subscription(items=items(item(T0, T0))))
    assert (record.current_period_start, record.current_period_end) == (moment(), moment())


def test_deleted_items_do_not_count() -> None:
    gone = item(T0 + 5, T0 + 6, deleted=True, price={"id": "price_old"})
    record = subscription_record(subscription(items=items(gone, item(T0, T0 + MONTH, price="price_1"))))
    assert (record.current_period_end, record.stripe_price_id) == (moment(MONTH), "price_1")


def test_empty_period_at_the_root_gives_way_to_the_items() -> None:
    null = subscription(current_period_start=None, current_period_end=None)
    assert subscription_record(null) == subscription_record(subscription())


def test_optional_fields_that_are_missing_are_none() -> None:
    names = ("cancel_at", "canceled_at", "ended_at", "trial_end", "default_payment_method", "latest_invoice")
    record = subscription_record(without(subscription(items=items(item(T0, T0 + MONTH))), *names))
    assert {getattr(record, name) for name in (*names, "stripe_price_id", "quantity")} == {None}


def test_moments_of_a_subscription_are_utc() -> None:
    names = ("cancel_at", "canceled_at", "ended_at", "trial_end")
    given: Json = {name: T0 + at for at, name in enumerate(names)}
    record = subscription_record(subscription(**given))
    assert [getattr(record, name) for name in names] == [moment(at) for at in range(4)]


def test_unknown_status_is_stored_as_it_is() -> None:
    assert subscription_record(subscription(status="hibernating")).status == "hibernating"
    assert invoice_record(invoice(status="framed")).status == "framed"
    assert dispute_record(dispute(status="arbitrated", reason="moon_phase")).reason == "moon_phase"
    assert payment_method_record({"id": "pm_1", "type": "teleport", "customer": "cus_1"}).type == "teleport"


# --- invoices


def invoice_before_basil() -> Json:
    return without(invoice(), "parent") | {"subscription": "sub_1", "paid": True, "charge": "ch_1"}


def invoice_of_2017(**fields: Any) -> Json:
    """No status, no `created`, no amounts paid and remaining, no transitions."""
    names = ("parent", "status", "created", "amount_paid", "amount_remaining", "status_transitions")
    flags = {"subscription": "sub_1", "date": T0, "paid": True, "closed": True, "forgiven": False}
    return without(invoice(), *names) | flags | fields


def test_invoice_before_basil_reads_as_its_modern_twin() -> None:
    assert invoice_record(invoice_before_basil()) == invoice_record(invoice())


def test_invoice_of_2017_reads_as_its_modern_twin_but_for_the_moment_of_payment() -> None:
    twin = invoice(status_transitions={"paid_at": None})
    assert invoice_record(invoice_of_2017()) == invoice_record(twin)


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"paid": True, "closed": True}, "paid"),
        ({"paid": False, "closed": False}, "open"),
        ({"paid": False, "closed": True, "forgiven": True}, "uncollectible"),
        ({"paid": False, "closed": True, "forgiven": False}, "open"),
    ],
)
def test_status_of_an_invoice_of_2017_comes_from_its_flags(flags: Json, status: str) -> None:
    """A closed one is no longer collected, which could be taken back: it is not void."""
    assert invoice_record(invoice_of_2017(**flags)).status == status


def test_unpaid_invoice_of_2017_remains_due() -> None:
    record = invoice_record(invoice_of_2017(paid=False, closed=False))
    assert (record.amount_paid, record.amount_remaining) == (0, 1000)


def test_invoice_of_no_subscription_has_none() -> None:
    assert invoice_record(invoice(of=None)).stripe_subscription_id is None
    quoted = {"type": "quote_details", "quote_details": {"quote": "qt_1"}, "subscription_details": None}
    assert invoice_record(invoice(parent=quoted)).stripe_subscription_id is None


def test_expanded_subscription_of_an_invoice_reads_as_its_id() -> None:
    expanded = invoice(parent={"subscription_details": {"subscription": {"id": "sub_1"}}})
    assert invoice_record(expanded) == invoice_record(invoice())


def test_invoice_keeps_every_amount_and_moment() -> None:
    record = invoice_record(
        invoice(
            total=1500,
            amount_due=1200,
            amount_paid=200,
            amount_remaining=1000,
            status="open",
            due_date=T0 + 1,
            next_payment_attempt=T0 + 2,
            status_transitions={"paid_at": None},
        )
    )
    assert (record.amount, record.amount_due, record.amount_paid, record.amount_remaining) == (1500, 1200, 200, 1000)
    assert (record.due_date, record.next_payment_attempt, record.paid_at) == (moment(1), moment(2), None)
    assert record.currency == "AUD"


def test_optional_fields_of_an_invoice_that_are_missing_are_none() -> None:
    names = ("due_date", "number", "billing_reason", "next_payment_attempt", "period_start", "period_end")
    record = invoice_record(without(invoice(), "total", "attempt_count", "status_transitions", *names))
    assert {getattr(record, name) for name in (*names, "paid_at")} == {None}
    assert (record.amount, record.attempt_count) == (1000, 0)


# --- payment methods


def test_bank_account_has_digits_but_no_brand_and_no_expiry() -> None:
    obj = {"id": "pm_1", "type": "au_becs_debit", "customer": "cus_1", "au_becs_debit": {"last4": "3456"}}
    record = payment_method_record(obj)
    assert (record.type, record.last4, record.brand, record.exp_month) == ("au_becs_debit", "3456", None, None)


@pytest.mark.parametrize("details", [{}, {"link": None}, {"link": {"email": "jenny@example.com"}}])
def test_payment_method_without_digits_has_none(details: Json) -> None:
    record = payment_method_record({"id": "pm_1", "type": "link", "customer": "cus_1", **details})
    assert (record.last4, record.brand, record.exp_month, record.exp_year) == (None, None, None, None)


# --- disputes


def test_dispute_of_2017_has_no_payment_intent() -> None:
    assert dispute_record(without(dispute(), "payment_intent")) == dispute_record(dispute(payment_intent=None))


def test_expanded_charge_of_a_dispute_reads_as_its_id() -> None:
    expanded = dispute(charge={"id": "ch_1", "object": "charge"}, payment_intent={"id": "pi_1"})
    assert dispute_record(expanded) == dispute_record(dispute())


@pytest.mark.parametrize("evidence", [{}, {"evidence_details": None}, {"evidence_details": {"due_by": None}}])
def test_dispute_without_a_date_for_evidence_has_none(evidence: Json) -> None:
    assert dispute_record(without(dispute(), "evidence_details") | evidence).evidence_due_by is None


# --- what is essential

ESSENTIAL: list[tuple[Kind, Callable[[], Json], str]] = [
    *((SUBSCRIPTION, subscription, name) for name in ("id", "customer", "status", "created", "items")),
    *((INVOICE, invoice, name) for name in ("id", "customer", "amount_due", "currency", "created")),
    *((PAYMENT_METHOD, payment_method, name) for name in ("id", "type")),
    *((DISPUTE, dispute, name) for name in ("id", "charge", "amount", "currency", "reason", "status", "created")),
]


@pytest.mark.parametrize(
    ("kind", "build", "name"), ESSENTIAL, ids=lambda value: value if isinstance(value, str) else ""
)
def test_missing_essential_field_is_named_with_its_object(kind: Kind, build: Callable[[], Json], name: str) -> None:
    obj = build()
    with pytest.raises(MalformedEvent) as missing:
        kind.read(without(obj, name))
    assert name in str(missing.value)
    assert name == "id" or obj["id"] in str(missing.value)


def test_item_without_its_period_is_named() -> None:
    with pytest.raises(MalformedEvent, match="subscription_item si has no current_period_start"):
        subscription_record(subscription(items=items(without(item(T0, T0), "current_period_start"))))


def test_reference_expanded_to_something_without_an_id_is_named() -> None:
    with pytest.raises(MalformedEvent, match="subscription sub_1 has a customer without an id"):
        subscription_record(subscription(customer={"object": "customer"}))


# --- true objects


@pytest.fixture(scope="module")
def life() -> FakeStripe:
    fake = FakeStripe(seed=3)
    eight_types(fake)
    return fake


def test_every_event_of_a_life_reads_the_same_in_the_old_shape(life: FakeStripe) -> None:
    for event in life.events_of(*handlers.HANDLERS):
        modern, old = (life.body(event, api_version=version) for version in (None, "2020-08-27"))
        assert modern != old or event["data"]["object"]["object"] in {"payment_method", "dispute"}
        assert handlers.read(decode_event("evt", old)) == handlers.read(decode_event("evt", modern))


@pytest.mark.parametrize("kind", [SUBSCRIPTION, INVOICE, PAYMENT_METHOD, DISPUTE], ids=lambda kind: kind.path)
def test_every_object_of_a_life_can_be_read(life: FakeStripe, kind: Kind) -> None:
    found = life.state[kind.path.split("/")[2][:-1]]
    assert found
    assert {kind.stripe_id(kind.read(obj)) for obj in found.values()} == set(found)


@pytest.mark.parametrize("metadata", [None, 5, "app", [], {}])
def test_metadata_of_no_shape_names_no_application(metadata: object) -> None:
    assert app_of({"id": "in_1", "metadata": metadata}) is None
    assert customer_record({"id": "cus_1", "metadata": metadata}).named_user is None
