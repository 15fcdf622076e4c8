"""What an object leaves out and others know.

A dispute or refund names neither customer nor invoice, a detached payment method not its former customer, and a
deleted customer nothing but its ID.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from billing_core.errors import StripeObjectMissing
from billing_core.kinds import Kind
from billing_core.ordering import State
from billing_core.records import CustomerRecord, DisputeRecord, PaymentMethodRecord, Record, RefundRecord
from billing_core.stripe_api import Fetched, StripeApi

OfCharge = DisputeRecord | RefundRecord


def lacks_parts(record: Record) -> bool:
    """Whether the record leaves out something that our row, or Stripe, may know."""
    return isinstance(record, OfCharge | PaymentMethodRecord) and record.stripe_customer_id is None


def complete(stripe: StripeApi, held: Record | None, record: Record) -> Record:
    """Return the record with what it leaves out: from our row if that knows it, else from Stripe.

    Raises:
        StripeUnavailable: Stripe did not answer.
    """
    known = complete_from(held, record)
    if isinstance(known, OfCharge) and known.stripe_customer_id is None:
        return ask_about_charge(stripe, known)
    return known


def complete_from(held: Record | None, record: Record) -> Record:
    """Return the record with what it leaves out and the state held knows."""
    if isinstance(record, OfCharge) and isinstance(held, OfCharge):
        return replace(
            record,
            stripe_customer_id=record.stripe_customer_id or held.stripe_customer_id,
            stripe_invoice_id=record.stripe_invoice_id or held.stripe_invoice_id,
        )
    if isinstance(record, PaymentMethodRecord) and isinstance(held, PaymentMethodRecord):
        return replace(record, stripe_customer_id=record.stripe_customer_id or held.stripe_customer_id)
    if isinstance(record, CustomerRecord) and record.deleted_at and isinstance(held, CustomerRecord):
        return replace(record, named_user=record.named_user or held.named_user, app=record.app or held.app)
    return record


def as_fetched(held: Record | None, answer: State, seen: datetime, ended_at: datetime | None = None) -> State:
    """Return what Stripe answered as a state to hold: completed, and no older than the last state that was seen.

    A payment method of no customer any more is detached. Since when, only its event can tell: until that comes, since
    `seen`, so that the event is not stale, whenever it comes. The same goes for a customer that is deleted.
    `ended_at` is the moment of that event, if it is the one that made us ask.
    """
    record = complete_from(held, answer.record)
    if isinstance(record, PaymentMethodRecord) and answer.record.stripe_customer_id is None:
        known = held.detached_at if isinstance(held, PaymentMethodRecord) else None
        return State(replace(record, detached_at=ended_at or known or seen), seen)
    if isinstance(record, CustomerRecord) and record.deleted_at:
        known = held.deleted_at if isinstance(held, CustomerRecord) else None
        return State(replace(record, deleted_at=ended_at or known or seen), seen)
    return State(record, max(answer.as_of, seen))


def read_answer(kind: Kind, answer: Fetched) -> State:
    """Read what Stripe answered, of which a list stands for its first, the newest.

    Raises:
        StripeObjectMissing: the list is empty.
        MalformedEvent: something that the row cannot do without is missing.
    """
    obj = answer.obj
    if obj.get("object") == "list":
        if not obj["data"]:
            raise StripeObjectMissing(f"Stripe has no {kind.model.__tablename__} in the list asked for")
        obj = obj["data"][0]
    record = kind.read(obj)
    if isinstance(record, CustomerRecord) and obj.get("deleted"):
        record = replace(record, deleted_at=answer.as_of)
    return State(record, answer.as_of)


def ask_about_charge(stripe: StripeApi, record: OfCharge) -> OfCharge:
    """Return the record with its customer and invoice, as Stripe knows them.

    Raises:
        StripeUnavailable: Stripe did not answer.
    """
    intent = record.stripe_payment_intent_id
    # A refund names the charge, or where there is none yet, only the payment intent.
    path = f"/v1/charges/{record.stripe_charge_id}" if record.stripe_charge_id else f"/v1/payment_intents/{intent}"
    payment = _fetch_or_none(stripe, path) or {}
    invoice = payment.get("invoice")  # API versions before 2025-03-31.basil
    if invoice is None and (intent := intent or payment.get("payment_intent")):
        invoice = _invoice_paid_by(stripe, intent)
    return replace(record, stripe_customer_id=payment.get("customer"), stripe_invoice_id=invoice)


def _invoice_paid_by(stripe: StripeApi, payment_intent: str) -> str | None:
    """https://docs.stripe.com/api/invoice-payment/list"""
    payment = {"type": "payment_intent", "payment_intent": payment_intent}
    payments = stripe.fetch("/v1/invoice_payments", payment=payment, limit=1).obj["data"]
    invoice: str | None = payments[0]["invoice"] if payments else None
    return invoice


def _fetch_or_none(stripe: StripeApi, path: str) -> dict[str, Any] | None:
    try:
        return stripe.fetch(path).obj
    except StripeObjectMissing:
        return None
