"""Rows as answers: one by ID, or a page of a user's."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from billing_core.commands import Command
from billing_core.models import BillingEvent, Invoice, PaymentMethod, Refund, Subscription
from ingest.api.auth import Caller
from ingest.api.cursor import Position
from ingest.api.errors import NotFound
from ingest.api.rows import EventRow, InvoiceRow, Page, PaymentMethodRow, RefundRow, Row, SubscriptionRow

LARGEST_ID = 2**31 - 1  # of our columns

RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True)
class Listing(Generic[RowT]):
    """One of a user's lists, and what makes its rows' order: the newest first, by Stripe's time where it has one."""

    model: Any
    row: type[RowT]
    at: InstrumentedAttribute[Any]
    row_id: InstrumentedAttribute[int]

    def page(self, session: Session, user_id: int, limit: int, after: Position | None) -> Page[RowT]:
        """Return the rows after this position, and where the next page starts."""
        query = sa.select(self.model).where(self.model.user_id == user_id)
        if after:
            # Not a row comparison: SQL Server has none.
            same_time = sa.and_(self.at == after.at, self.row_id < after.row_id)
            query = query.where(sa.or_(self.at < after.at, same_time))
        query = query.order_by(self.at.desc(), self.row_id.desc()).limit(limit + 1)
        found = session.scalars(query).all()
        rows, more = found[:limit], len(found) > limit
        following = self._position(rows[-1]).cursor() if more else None
        return Page[RowT](data=[self.row.model_validate(one) for one in rows], next=following)

    def _position(self, one: Any) -> Position:
        return Position(getattr(one, self.at.key), getattr(one, self.row_id.key))


SUBSCRIPTIONS = Listing(Subscription, SubscriptionRow, Subscription.stripe_created_at, Subscription.subscription_id)
INVOICES = Listing(Invoice, InvoiceRow, Invoice.stripe_created_at, Invoice.invoice_id)
PAYMENT_METHODS = Listing(PaymentMethod, PaymentMethodRow, PaymentMethod.created_at, PaymentMethod.payment_method_id)
EVENTS = Listing(BillingEvent, EventRow, BillingEvent.stripe_created_at, BillingEvent.event_id)


def find_subscription(session: Session, caller: Caller, identifier: str) -> SubscriptionRow:
    """Return a subscription by our ID or by `sub_…`.

    Raises:
        NotFound: there is none, or it is another user's.
    """
    ours, stripes = Subscription.subscription_id, Subscription.stripe_subscription_id
    return SubscriptionRow.model_validate(_owned(session, caller, Subscription, _by(ours, stripes, identifier)))


def find_invoice(session: Session, caller: Caller, identifier: str) -> InvoiceRow:
    """Return an invoice by our ID or by `in_…`.

    Raises:
        NotFound: there is none, or it is another user's.
    """
    return InvoiceRow.model_validate(
        _owned(session, caller, Invoice, _by(Invoice.invoice_id, Invoice.stripe_invoice_id, identifier))
    )


def subscription_of(session: Session, command: Command) -> SubscriptionRow | None:
    """Return the subscription that the command made or changed."""
    found = session.get(Subscription, command.subscription_id) if command.subscription_id else None
    return SubscriptionRow.model_validate(found) if found else None


def refund_of(session: Session, command: Command) -> RefundRow | None:
    """Return the refund that the command made."""
    stripe_id = (command.result or {}).get("stripe_refund_id")
    found = session.scalar(sa.select(Refund).where(Refund.stripe_refund_id == stripe_id)) if stripe_id else None
    return RefundRow.model_validate(found) if found else None


def _by(ours: InstrumentedAttribute[int], stripes: InstrumentedAttribute[str], identifier: str) -> Any:
    if not identifier.isdecimal():
        return stripes == identifier
    # No row has a larger one, and PostgreSQL refuses to look for it.
    return ours == int(identifier) if int(identifier) <= LARGEST_ID else sa.false()


def _owned(session: Session, caller: Caller, model: Any, where: Any) -> Any:
    found = session.scalar(sa.select(model).where(where))
    if found is None or not caller.owns(found.user_id):
        raise NotFound("there is no such object, or it is another user's")
    return found
