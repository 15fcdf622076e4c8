"""What we hold of one user, and of the commands about them, as an operator reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from billing_core.models import (
    BillingCommand,
    BillingCustomer,
    BillingEvent,
    Dispute,
    Invoice,
    PaymentMethod,
    Refund,
    Subscription,
    User,
)

# Of each kind, the newest: four years of monthly invoices.
MOST = 50

_NEWEST_FIRST: dict[str, InstrumentedAttribute[int]] = {
    "customers": BillingCustomer.billing_customer_id,
    "subscriptions": Subscription.subscription_id,
    "invoices": Invoice.invoice_id,
    "payment_methods": PaymentMethod.payment_method_id,
    "refunds": Refund.refund_id,
    "disputes": Dispute.dispute_id,
    "commands": BillingCommand.billing_command_id,
}


@dataclass(frozen=True, slots=True)
class UserRows:
    """A user's rows by kind, each newest first; of events the latest only."""

    user_id: int
    rows: dict[str, Sequence[Any]]
    events: Sequence[BillingEvent]


def rows_of_user(session: Session, user_id: int) -> UserRows | None:
    """Return what we hold; None for a user that there is not."""
    if session.get(User, user_id) is None:
        return None
    rows = {name: _newest(session, key, user_id) for name, key in _NEWEST_FIRST.items()}
    latest = select(BillingEvent).where(BillingEvent.user_id == user_id).order_by(BillingEvent.processed_at.desc())
    return UserRows(user_id, rows, session.scalars(latest.limit(MOST)).all())


def _newest(session: Session, key: InstrumentedAttribute[int], user_id: int) -> Sequence[Any]:
    model: Any = key.class_
    return session.scalars(select(model).where(model.user_id == user_id).order_by(key.desc()).limit(MOST)).all()
