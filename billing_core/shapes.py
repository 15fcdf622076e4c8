"""Stripe objects of any API version, read by the presence of fields and never by a version number.

Since 2025-03-31.basil the current period is on the subscription's items, and an invoice names its subscription
under `parent`. Before 2018-11-08 an invoice had no `status` but `paid` and `forgiven`, and `date` for
`created`. https://docs.stripe.com/changelog/basil  https://docs.stripe.com/upgrades
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing_core.errors import MalformedEvent
from billing_core.records import DisputeRecord, InvoiceRecord, PaymentMethodRecord, SubscriptionRecord

StripeObject = Mapping[str, Any]


def subscription_record(obj: StripeObject) -> SubscriptionRecord:
    """Read a subscription. https://docs.stripe.com/api/subscriptions/object

    Raises:
        MalformedEvent: something that the row cannot do without is missing.
    """
    items = _items(obj)
    start, end = _current_period(obj, items)
    first = items[0] if items else obj
    return SubscriptionRecord(
        stripe_subscription_id=_need(obj, "id"),
        stripe_customer_id=_need_id(obj, "customer"),
        status=_need(obj, "status"),
        current_period_start=start,
        current_period_end=end,
        cancel_at_period_end=bool(obj.get("cancel_at_period_end")),
        stripe_price_id=_id(first.get("price") or first.get("plan")),
        quantity=first.get("quantity"),
        cancel_at=_time(obj.get("cancel_at")),
        canceled_at=_time(obj.get("canceled_at")),
        ended_at=_time(obj.get("ended_at")),
        trial_end=_time(obj.get("trial_end")),
        default_payment_method=_id(obj.get("default_payment_method")),
        latest_invoice=_id(obj.get("latest_invoice")),
        stripe_created_at=_need_time(obj, "created"),
    )


def invoice_record(obj: StripeObject) -> InvoiceRecord:
    """Read an invoice. https://docs.stripe.com/api/invoices/object

    Raises:
        MalformedEvent: something that the row cannot do without is missing.
    """
    due = _need(obj, "amount_due")
    paid = obj.get("amount_paid", due if obj.get("paid") else 0)
    return InvoiceRecord(
        stripe_invoice_id=_need(obj, "id"),
        stripe_customer_id=_need_id(obj, "customer"),
        stripe_subscription_id=_invoice_subscription(obj),
        amount=obj.get("total", due),
        amount_due=due,
        amount_paid=paid,
        amount_remaining=obj.get("amount_remaining", due - paid),
        currency=_need(obj, "currency").upper(),
        status=_invoice_status(obj),
        due_date=_time(obj.get("due_date")),
        paid_at=_time((obj.get("status_transitions") or {}).get("paid_at")),
        number=obj.get("number"),
        billing_reason=obj.get("billing_reason"),
        attempt_count=obj.get("attempt_count") or 0,
        next_payment_attempt=_time(obj.get("next_payment_attempt")),
        period_start=_time(obj.get("period_start")),
        period_end=_time(obj.get("period_end")),
        stripe_created_at=_need_time(obj, "created", "date"),
    )


def payment_method_record(obj: StripeObject, detached_at: datetime | None = None) -> PaymentMethodRecord:
    """Read a payment method. https://docs.stripe.com/api/payment_methods/object

    Args:
        obj: the payment method.
        detached_at: when it was detached, which only an event can tell; the object then names no customer.

    Raises:
        MalformedEvent: something that the row cannot do without is missing.
    """
    type_ = _need(obj, "type")
    details = obj.get(type_) or {}
    return PaymentMethodRecord(
        stripe_payment_method_id=_need(obj, "id"),
        stripe_customer_id=_id(obj.get("customer")),
        type=type_,
        last4=details.get("last4"),
        brand=details.get("brand"),
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        detached_at=detached_at,
    )


def dispute_record(obj: StripeObject) -> DisputeRecord:
    """Read a dispute. https://docs.stripe.com/api/disputes/object

    Raises:
        MalformedEvent: something that the row cannot do without is missing.
    """
    return DisputeRecord(
        stripe_dispute_id=_need(obj, "id"),
        stripe_charge_id=_need_id(obj, "charge"),
        stripe_payment_intent_id=_id(obj.get("payment_intent")),
        amount=_need(obj, "amount"),
        currency=_need(obj, "currency").upper(),
        reason=_need(obj, "reason"),
        status=_need(obj, "status"),
        evidence_due_by=_time((obj.get("evidence_details") or {}).get("due_by")),
        stripe_created_at=_need_time(obj, "created"),
    )


def _items(obj: StripeObject) -> list[StripeObject]:
    return [item for item in (obj.get("items") or {}).get("data", []) if not item.get("deleted")]


def _current_period(obj: StripeObject, items: list[StripeObject]) -> tuple[datetime, datetime]:
    """Return the latest start and the earliest end among the items that are current.

    An item whose period ended before another's began is not current any more.
    """
    if obj.get("current_period_end") is not None:
        return _need_time(obj, "current_period_start"), _need_time(obj, "current_period_end")
    if not items:
        raise MalformedEvent(f"subscription {obj.get('id')} has neither a current period nor items")
    start = max(_need_time(item, "current_period_start") for item in items)
    ends = [_need_time(item, "current_period_end") for item in items]
    return start, min((end for end in ends if end > start), default=start)


def _invoice_subscription(obj: StripeObject) -> str | None:
    details = (obj.get("parent") or {}).get("subscription_details") or {}
    return _id(details.get("subscription") or obj.get("subscription"))


def _invoice_status(obj: StripeObject) -> str:
    if status := obj.get("status"):
        return str(status)
    if obj.get("paid"):
        return "paid"
    # `closed` says only that collection stopped, which could be taken back; it became `auto_advance`, not `void`.
    # https://docs.stripe.com/changelog/2018-11-08/invoices-specify-auto-advance-field
    return "uncollectible" if obj.get("forgiven") else "open"


def _need(obj: StripeObject, *names: str) -> Any:
    for name in names:
        if (value := obj.get(name)) is not None:
            return value
    raise MalformedEvent(f"{obj.get('object', 'object')} {obj.get('id')} has no {' or '.join(names)}")


def _need_id(obj: StripeObject, name: str) -> str:
    found = _id(_need(obj, name))
    if found is None:
        raise MalformedEvent(f"{obj.get('object', 'object')} {obj.get('id')} has a {name} without an id")
    return found


def _need_time(obj: StripeObject, *names: str) -> datetime:
    return datetime.fromtimestamp(_need(obj, *names), UTC)


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _id(reference: str | StripeObject | None) -> str | None:
    """Return the ID of a reference that may be expanded into the object itself."""
    return reference if reference is None or isinstance(reference, str) else reference.get("id")
