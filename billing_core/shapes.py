"""Stripe objects of any API version, read by the presence of fields and never by a version number.

Since 2025-03-31.basil the current period is on the subscription's items, and an invoice names its subscription
under `parent`. Before 2019 the means to pay was a source, an invoice had `date` for `created`, and a subscription
told the moment of its end only as `cancel_at_period_end`. Before 2018-11-08 an invoice had no `status` but `paid`
and `forgiven`. https://docs.stripe.com/changelog  tests/eras has a body of each version.

Each reader raises MalformedEvent, naming the object and the field, for what our row cannot do without.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing_core.errors import MalformedEvent
from billing_core.records import (
    CustomerRecord,
    DisputeRecord,
    InvoicePaymentRecord,
    InvoiceRecord,
    PaymentMethodRecord,
    RefundRecord,
    SubscriptionRecord,
)

StripeObject = Mapping[str, Any]

# The metadata keys under which a customer at Stripe names its user here, and any object the application it is of.
USER_KEY = "user_id"
APP_KEY = "app"


def subscription_record(obj: StripeObject) -> SubscriptionRecord:
    """Read a subscription. https://docs.stripe.com/api/subscriptions/object"""
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
        cancel_at=_cancel_at(obj, end),
        canceled_at=_time(obj.get("canceled_at")),
        ended_at=_time(obj.get("ended_at")),
        trial_end=_time(obj.get("trial_end")),
        default_payment_method=_id(obj.get("default_payment_method") or obj.get("default_source")),
        latest_invoice=_id(obj.get("latest_invoice")),
        stripe_created_at=_need_time(obj, "created"),
    )


def invoice_record(obj: StripeObject) -> InvoiceRecord:
    """Read an invoice. https://docs.stripe.com/api/invoices/object"""
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
    """Read a dispute. https://docs.stripe.com/api/disputes/object"""
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


def refund_record(obj: StripeObject) -> RefundRecord:
    """Read a refund. https://docs.stripe.com/api/refunds/object"""
    return RefundRecord(
        stripe_refund_id=_need(obj, "id"),
        stripe_charge_id=_id(obj.get("charge")),
        stripe_payment_intent_id=_id(obj.get("payment_intent")),
        amount=_need(obj, "amount"),
        currency=_need(obj, "currency").upper(),
        status=obj.get("status") or "succeeded",  # before 2015 there was none: a refund was done when it was made
        reason=obj.get("reason"),
        failure_reason=obj.get("failure_reason"),
        stripe_created_at=_need_time(obj, "created"),
    )


def invoice_payment_record(obj: StripeObject) -> InvoicePaymentRecord:
    """Read an invoice payment, which exists since 2025-03-31. https://docs.stripe.com/api/invoice-payment/object"""
    payment = obj.get("payment") or {}
    return InvoicePaymentRecord(
        stripe_invoice_payment_id=_need(obj, "id"),
        stripe_invoice_id=_need_id(obj, "invoice"),
        stripe_payment_intent_id=_id(payment.get("payment_intent")),
        stripe_charge_id=_id(payment.get("charge")),
        amount_paid=obj.get("amount_paid"),
        amount_requested=obj.get("amount_requested"),
        currency=_need(obj, "currency").upper(),
        status=_need(obj, "status"),
        paid_at=_time((obj.get("status_transitions") or {}).get("paid_at")),
        stripe_created_at=_need_time(obj, "created"),
    )


def customer_record(obj: StripeObject, deleted_at: datetime | None = None) -> CustomerRecord:
    """Read a customer; of a deleted one Stripe keeps the ID only. https://docs.stripe.com/api/customers/object

    Args:
        obj: the customer.
        deleted_at: when it was deleted, which only an event can tell.
    """
    settings, metadata = obj.get("invoice_settings") or {}, _metadata(obj)
    default = settings.get("default_payment_method") or obj.get("default_source")
    return CustomerRecord(
        stripe_customer_id=_need(obj, "id"),
        named_user=metadata.get(USER_KEY),
        app=metadata.get(APP_KEY),
        # Deletion detaches every payment method, also where the event still tells of one.
        default_payment_method=None if deleted_at else _id(default),
        deleted_at=deleted_at,
    )


def app_of(obj: StripeObject) -> str | None:
    """Return the application that the object's metadata names: several may share one Stripe account."""
    app: str | None = _metadata(obj).get(APP_KEY)
    return app


def _metadata(obj: StripeObject) -> StripeObject:
    found = obj.get("metadata")
    return found if isinstance(found, Mapping) else {}


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


def _cancel_at(obj: StripeObject, period_end: datetime) -> datetime | None:
    # Has a name of its own since March 2019. If it is there and null, Stripe has said so.
    if "cancel_at" not in obj and obj.get("cancel_at_period_end"):
        return period_end
    return _time(obj.get("cancel_at"))


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
