"""What the tables must say, written down from fake Stripe's objects without any of the product's readers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from billing_core.event_types import FAMILY_OF
from billing_core.models import (
    BillingCustomer,
    BillingEvent,
    Dispute,
    Invoice,
    InvoicePayment,
    PaymentMethod,
    Refund,
    Subscription,
)
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.errors import Json

Rows = dict[str, dict[str, Any]]


def differences(session: Session, fake: FakeStripe, linked: dict[str, int]) -> list[str]:
    """Return every field in which our tables differ from the truth; `linked` are customers linked by hand."""
    truth = Truth(fake, linked)
    found = list[str]()
    for model, key, expected in truth.tables():
        found += _compare(session, model, key, expected)
    return found + _compare_events(session, fake)


class Truth:
    """Fake Stripe's final state as rows by Stripe's ID; links are given as Stripe's IDs of the parents."""

    def __init__(self, fake: FakeStripe, linked: dict[str, int]) -> None:
        self._state = fake.state
        self._events = fake.events
        self._users = self._owners(linked)
        payments = self._state["invoice_payment"].values()
        self._invoice_of = {one["payment"]["payment_intent"]: one["invoice"] for one in payments}

    def tables(self) -> Iterable[tuple[Any, str, Rows]]:
        yield BillingCustomer, "stripe_customer_id", self._customers()
        yield Subscription, "stripe_subscription_id", self._subscriptions()
        yield Invoice, "stripe_invoice_id", self._invoices()
        yield PaymentMethod, "stripe_payment_method_id", self._payment_methods()
        yield InvoicePayment, "stripe_invoice_payment_id", self._invoice_payments()
        yield Dispute, "stripe_dispute_id", {one["id"]: self._dispute(one) for one in self._state["dispute"].values()}
        yield Refund, "stripe_refund_id", {one["id"]: self._refund(one) for one in self._state["refund"].values()}

    def _owners(self, linked: dict[str, int]) -> dict[str, int]:
        created = {
            event["data"]["object"]["id"]: event for event in self._events if event["type"] == "customer.created"
        }
        named = {
            customer: int(event["data"]["object"]["metadata"]["user_id"])
            for customer, event in created.items()
            if "user_id" in event["data"]["object"]["metadata"]
        }
        return named | linked

    def _customers(self) -> Rows:
        rows: Rows = {}
        for customer, obj in self._state["customer"].items():
            rows[customer] = {"user_id": self._users[customer], "deleted": bool(obj.get("deleted"))}
            if not obj.get("deleted"):
                rows[customer]["default_payment_method"] = obj["invoice_settings"]["default_payment_method"]
        return rows

    def _subscriptions(self) -> Rows:
        rows: Rows = {}
        for obj in self._state["subscription"].values():
            item = obj["items"]["data"][0]
            rows[obj["id"]] = {
                "user_id": self._users[obj["customer"]],
                "stripe_customer_id": obj["customer"],
                "status": obj["status"],
                "current_period_start": _moment(item["current_period_start"]),
                "current_period_end": _moment(item["current_period_end"]),
                "cancel_at_period_end": obj["cancel_at_period_end"],
                "stripe_price_id": item["price"]["id"],
                "quantity": item["quantity"],
                "cancel_at": _moment(obj["cancel_at"]),
                "canceled_at": _moment(obj["canceled_at"]),
                "ended_at": _moment(obj["ended_at"]),
                "trial_end": _moment(obj["trial_end"]),
                "default_payment_method": obj["default_payment_method"],
                "latest_invoice": obj["latest_invoice"],
                "stripe_created_at": _moment(obj["created"]),
            }
        return rows

    def _invoices(self) -> Rows:
        deleted = {event["data"]["object"]["id"]: event for event in self._events if event["type"] == "invoice.deleted"}
        gone = [event["data"]["object"] | {"status": "deleted"} for event in deleted.values()]
        return {obj["id"]: self._invoice(obj) for obj in [*self._state["invoice"].values(), *gone]}

    def _invoice(self, obj: Json) -> dict[str, Any]:
        subscription = ((obj["parent"] or {}).get("subscription_details") or {}).get("subscription")
        return {
            "user_id": self._users[obj["customer"]],
            "stripe_customer_id": obj["customer"],
            "stripe_subscription_id": subscription,
            "subscription": subscription,
            "amount": obj["total"],
            "amount_due": obj["amount_due"],
            "amount_paid": obj["amount_paid"],
            "amount_remaining": obj["amount_remaining"],
            "currency": obj["currency"].upper(),
            "status": obj["status"],
            "due_date": _moment(obj["due_date"]),
            "paid_at": _moment(obj["status_transitions"]["paid_at"]),
            "number": obj["number"],
            "billing_reason": obj["billing_reason"],
            "attempt_count": obj["attempt_count"],
            "next_payment_attempt": _moment(obj["next_payment_attempt"]),
        }

    def _payment_methods(self) -> Rows:
        rows: Rows = {}
        for event in self._events:
            if event["type"] in ("payment_method.attached", "payment_method.detached"):
                attached = event["type"] == "payment_method.attached"
                customer = event["data"]["object"]["customer"] or event["data"]["previous_attributes"]["customer"]
                obj = self._state["payment_method"][event["data"]["object"]["id"]]
                rows[obj["id"]] = {
                    "user_id": self._users[customer],
                    "stripe_customer_id": customer,
                    "type": obj["type"],
                    "last4": obj["card"]["last4"],
                    "brand": obj["card"]["brand"],
                    "exp_month": obj["card"]["exp_month"],
                    "exp_year": obj["card"]["exp_year"],
                    "detached_at": None if attached else _moment(event["created"]),
                    "is_default": self._is_default(customer, obj["id"]),
                }
        return rows

    def _is_default(self, customer: str, method: str) -> bool:
        settings = self._state["customer"][customer].get("invoice_settings")  # a deleted one has none
        return settings is not None and bool(settings["default_payment_method"] == method)

    def _invoice_payments(self) -> Rows:
        paid = [one for one in self._state["invoice_payment"].values() if one["status"] == "paid"]
        return {
            one["id"]: {
                **self._of_invoice(one["invoice"]),
                "stripe_payment_intent_id": one["payment"]["payment_intent"],
                "amount_paid": one["amount_paid"],
                "status": one["status"],
            }
            for one in paid
        }

    def _dispute(self, obj: Json) -> dict[str, Any]:
        return {
            **self._of_charge(obj),
            "reason": obj["reason"],
            "status": obj["status"],
            "amount": obj["amount"],
            "evidence_due_by": _moment(obj["evidence_details"]["due_by"]),
        }

    def _refund(self, obj: Json) -> dict[str, Any]:
        return {**self._of_charge(obj), "status": obj["status"], "amount": obj["amount"], "reason": obj["reason"]}

    def _of_charge(self, obj: Json) -> dict[str, Any]:
        charge = self._state["charge"][obj["charge"]]
        parents = self._of_invoice(self._invoice_of.get(charge["payment_intent"]))
        return parents | {"user_id": self._users[charge["customer"]], "stripe_customer_id": charge["customer"]}

    def _of_invoice(self, invoice: str | None) -> dict[str, Any]:
        if invoice is None:
            return {"stripe_invoice_id": None, "invoice": None, "subscription": None}
        held = self._invoice(self._state["invoice"][invoice])
        return {
            "stripe_invoice_id": invoice,
            "invoice": invoice,
            "subscription": held["subscription"],
            "user_id": held["user_id"],
        }


def _compare(session: Session, model: Any, key: str, expected: Rows) -> list[str]:
    rows = {getattr(row, key): row for row in session.scalars(sa.select(model))}
    found = [f"{model.__tablename__}: {one} is missing" for one in expected.keys() - rows.keys()]
    found += [f"{model.__tablename__}: {one} should not be there" for one in rows.keys() - expected.keys()]
    for stripe_id in sorted(expected.keys() & rows.keys()):
        row = rows[stripe_id]
        for name, value in expected[stripe_id].items():
            held = _actual(session, row, name)
            if held != value:
                found.append(f"{model.__tablename__} {stripe_id}.{name}: {held!r} instead of {value!r}")
    return found


def _actual(session: Session, row: Any, name: str) -> Any:
    if name == "deleted":
        return row.deleted_at is not None
    if name == "subscription":
        parent = session.get(Subscription, row.subscription_id) if row.subscription_id else None
        return parent.stripe_subscription_id if parent else None
    if name == "invoice":
        held = session.get(Invoice, row.invoice_id) if row.invoice_id else None
        return held.stripe_invoice_id if held else None
    return getattr(row, name)


def _compare_events(session: Session, fake: FakeStripe) -> list[str]:
    """Every event is there once and settled, with the same links as its object's row."""
    rows = {row.stripe_event_id: row for row in session.scalars(sa.select(BillingEvent))}
    expected = {event["id"] for event in fake.events if event["type"] in FAMILY_OF}
    found = [f"BillingEvents: {one} is missing" for one in expected - rows.keys()]
    for event_id, row in rows.items():
        if row.outcome not in ("applied", "stale", "tie"):
            found.append(f"BillingEvents {event_id} {row.event_type}: {row.outcome} ({row.reason})")
        if row.user_id is None:
            found.append(f"BillingEvents {event_id} {row.event_type}: no user")
    for model, key in ((Invoice, "stripe_invoice_id"), (Dispute, "stripe_dispute_id"), (Refund, "stripe_refund_id")):
        query = (
            sa.select(BillingEvent.stripe_event_id)
            .join(model, getattr(model, key) == BillingEvent.object_id)
            .where(BillingEvent.subscription_id.is_distinct_from(model.subscription_id))
        )
        found += [f"BillingEvents {event_id}: not linked as its {key}" for event_id in session.scalars(query)]
    return found


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
