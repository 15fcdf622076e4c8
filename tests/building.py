"""Builders: keywords in, real objects out. Objects have the current API's shape unless told otherwise.

One user's world: user 1 is customer `cus_1`, with subscription `sub_1`, invoice `in_1`, card `pm_1` and dispute `du_1`.
"""

import json
from datetime import UTC, datetime
from typing import Any

from billing_core.events import StripeEvent, decode_event
from billing_core.facts import Fact, Query
from billing_core.ordering import State
from billing_core.records import Record
from billing_core.shapes import subscription_record
from workers import handlers

Json = dict[str, Any]

T0 = 1_790_000_000
MONTH = 30 * 86_400


def moment(seconds: float = 0) -> datetime:
    """Return the moment `seconds` after T0."""
    return datetime.fromtimestamp(T0 + seconds, UTC)


def subscription(id: str = "sub_1", **fields: Any) -> Json:  # noqa: A002  (Stripe's name)
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "current_period_start": T0,
        "current_period_end": T0 + MONTH,
        "price": {"id": "price_1", "object": "price"},
        "quantity": 1,
    }
    return {
        "id": id,
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "cancel_at_period_end": False,
        "items": {"object": "list", "data": [item]},
        "cancel_at": None,
        "canceled_at": None,
        "ended_at": None,
        "trial_end": None,
        "default_payment_method": "pm_1",
        "latest_invoice": "in_1",
        "created": T0,
    } | fields


def invoice(id: str = "in_1", *, of: str | None = "sub_1", **fields: Any) -> Json:  # noqa: A002  (Stripe's name)
    parent = {"type": "subscription_details", "subscription_details": {"subscription": of}} if of else None
    return {
        "id": id,
        "object": "invoice",
        "customer": "cus_1",
        "parent": parent,
        "total": 1000,
        "amount_due": 1000,
        "amount_paid": 1000,
        "amount_remaining": 0,
        "currency": "aud",
        "status": "paid",
        "due_date": None,
        "status_transitions": {"paid_at": T0 + 5},
        "number": "A-0001",
        "billing_reason": "subscription_create",
        "attempt_count": 1,
        "next_payment_attempt": None,
        "period_start": T0,
        "period_end": T0,
        "created": T0,
    } | fields


def payment_method(id: str = "pm_1", **fields: Any) -> Json:  # noqa: A002  (Stripe's name)
    return {
        "id": id,
        "object": "payment_method",
        "customer": "cus_1",
        "type": "card",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
    } | fields


def dispute(id: str = "du_1", **fields: Any) -> Json:  # noqa: A002  (Stripe's name)
    return {
        "id": id,
        "object": "dispute",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "amount": 1000,
        "currency": "aud",
        "reason": "fraudulent",
        "status": "needs_response",
        "evidence_details": {"due_by": T0 + 9 * 86_400},
        "created": T0,
    } | fields


# What an event is named after its object, unless told otherwise.
_TYPES = {
    "subscription": "customer.subscription.updated",
    "invoice": "invoice.payment_succeeded",
    "payment_method": "payment_method.attached",
    "dispute": "charge.dispute.created",
}


def event_body(
    obj: Json,
    *,
    at: int = 0,
    id: str | None = None,  # noqa: A002  (Stripe's name)
    type: str | None = None,  # noqa: A002  (Stripe's name)
    previous: Json | None = None,
    **fields: Any,
) -> bytes:
    """Return the body of an event that happened `at` seconds after T0; its ID tells object and moment."""
    body = {
        "id": id or f"evt_{obj['id']}_{at}",
        "object": "event",
        "type": type or _TYPES[obj["object"]],
        "created": T0 + at,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": obj} | ({"previous_attributes": previous} if previous else {}),
        "request": {"id": "req_1", "idempotency_key": "key_1"},
    }
    return json.dumps(body | fields).encode()


def event(obj: Json, **options: Any) -> StripeEvent:
    return decode_event("evt_built", event_body(obj, **options))


def fact_from(body: bytes, *, attempts: int = 1) -> Fact:
    """Return what a worker makes of an event's body."""
    event = decode_event("evt_built", body)
    _, told = handlers.read(event)
    assert not isinstance(told, Query), "the event tells no state"
    return Fact(event, told, body.decode(), moment(60), attempts)


def fact(obj: Json, *, attempts: int = 1, **options: Any) -> Fact:
    return fact_from(event_body(obj, **options), attempts=attempts)


def detached(id: str = "pm_1", *, at: int, **fields: Any) -> Fact:  # noqa: A002  (Stripe's name)
    """Return the fact that a payment method was taken from cus_1."""
    obj = payment_method(id, customer=None, **fields)
    return fact(obj, at=at, type="payment_method.detached", previous={"customer": "cus_1"})


def state(*, at: int = 0, **fields: Any) -> State:
    """Return a subscription's state."""
    return State(subscription_record(subscription(**fields)), moment(at))


def record(**fields: Any) -> Record:
    return subscription_record(subscription(**fields))
