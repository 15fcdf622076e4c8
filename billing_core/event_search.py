"""What an operator types to find events: an event's, a user's or a command's ID, or that of an object at Stripe."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from billing_core.models import BillingEvent, Invoice, Subscription
from billing_core.user_ids import LARGEST_USER_ID


def about(term: str) -> ColumnElement[bool]:
    """Return the condition for the events that a term is about; each way there has an index."""
    if term.isascii() and term.isdecimal():
        # PostgreSQL refuses to look for a number that no UserID can be.
        return BillingEvent.user_id == int(term) if int(term) <= LARGEST_USER_ID else false()
    way = _WAYS.get(term.partition("_")[0])
    return way(term) if way else BillingEvent.object_id == term


def caused_by(command_id: str) -> ColumnElement[bool]:
    """Return the condition for the events that a command's calls to Stripe caused: their keys begin with its ID."""
    key = BillingEvent.idempotency_key
    return and_(key >= f"{command_id}:", key < f"{command_id};")  # the next character; compared byte by byte


def _of_parent(model: Any, found: ColumnElement[bool], name: str, term: str) -> ColumnElement[bool]:
    """Include the events of its children. There is an index by user, and none by parent."""
    own, user = (select(getattr(model, column)).where(found).scalar_subquery() for column in (name, "user_id"))
    return or_(BillingEvent.object_id == term, and_(BillingEvent.user_id == user, getattr(BillingEvent, name) == own))


_WAYS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "evt": lambda term: BillingEvent.stripe_event_id == term,
    "cmd": caused_by,
    "cus": lambda term: or_(BillingEvent.stripe_customer_id == term, BillingEvent.object_id == term),
    "sub": lambda term: _of_parent(Subscription, Subscription.stripe_subscription_id == term, "subscription_id", term),
    "in": lambda term: _of_parent(Invoice, Invoice.stripe_invoice_id == term, "invoice_id", term),
}
