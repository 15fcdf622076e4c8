from dataclasses import fields

import pytest

from billing_core.kinds import KIND_OF, Kind
from billing_core.records import Record, values_of
from billing_core.shapes import dispute_record, invoice_record, payment_method_record, subscription_record
from tests.building import dispute, invoice, moment, payment_method, subscription


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired"])
def test_ended_subscription_is_terminal(status: str) -> None:
    assert subscription_record(subscription(status=status)).terminal


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid", "incomplete", "paused", "never_seen"])
def test_subscription_that_goes_on_is_not_terminal(status: str) -> None:
    assert not subscription_record(subscription(status=status)).terminal


@pytest.mark.parametrize(
    ("status", "terminal"),
    [("draft", False), ("open", False), ("paid", False), ("uncollectible", False), ("void", True), ("deleted", True)],
)
def test_invoice_is_terminal_once_void_or_deleted(status: str, terminal: bool) -> None:
    """An uncollectible one can still be paid or voided."""
    assert invoice_record(invoice(status=status)).terminal is terminal


def test_payment_method_is_terminal_once_detached() -> None:
    assert not payment_method_record(payment_method()).terminal
    assert payment_method_record(payment_method(customer=None), moment()).terminal


@pytest.mark.parametrize("status", ["needs_response", "won", "lost"])
def test_dispute_is_never_terminal(status: str) -> None:
    assert not dispute_record(dispute(status=status)).terminal


@pytest.mark.parametrize("kind", KIND_OF.values(), ids=lambda kind: kind.model.__name__)
def test_every_field_of_a_record_is_a_column_that_is_read_back(kind: Kind) -> None:
    held = {attribute.key for attribute in kind.held}
    names = {field.name for field in fields(kind.record)}
    assert names <= held
    assert held - names == {kind.primary_key, "user_id", "revision", "as_of"}
    assert all(kind.column(name) is not None for name in held)


def test_values_are_named_as_the_models_attributes() -> None:
    record: Record = payment_method_record(payment_method())
    assert values_of(record) == {
        "stripe_payment_method_id": "pm_1",
        "stripe_customer_id": "cus_1",
        "type": "card",
        "last4": "4242",
        "brand": "visa",
        "exp_month": 12,
        "exp_year": 2030,
        "detached_at": None,
    }
