"""Events that waited for an owner are taken up again as soon as their customer has a user."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.event_types import FAMILY_OF
from billing_core.inbox import AcceptedEvent, WorkingInbox
from billing_core.models import BillingCustomer, BillingEvent, PaymentMethod
from billing_core.ordering import Outcome
from billing_core.owners import NO_USER_OF_OURS
from billing_core.payloads import PLAIN, Payloads

# So many at a time: the payloads pass through memory.
BATCH = 200

# What is told of a customer whose events wait.
WAITING = ("stripe_customer_id", "events", "oldest_received_at", "newest_received_at")


def owned_by_now(
    session: Session, customers: Collection[str] | None = None, *, payloads: Payloads = PLAIN
) -> list[AcceptedEvent]:
    """Return events that had no owner when they came, and whose customer has a user now.

    Args:
        session: to look with.
        customers: only those of these customers; by default of all.
        payloads: reads what is stored.

    Raises:
        CannotOpen: a payload is sealed, and its key is missing.
    """
    had_no_owner = or_(
        BillingEvent.outcome == Outcome.PARKED,
        and_(BillingEvent.outcome == Outcome.FOREIGN, BillingEvent.reason == NO_USER_OF_OURS),
    )
    has_user = exists().where(
        BillingCustomer.stripe_customer_id == BillingEvent.stripe_customer_id, BillingCustomer.user_id.is_not(None)
    )
    # A payment method that is detached by the time it is fetched names no customer; its row, once there, does.
    has_row = and_(
        BillingEvent.stripe_customer_id.is_(None),
        exists().where(PaymentMethod.stripe_payment_method_id == BillingEvent.object_id),
    )
    query = (
        select(BillingEvent.stripe_event_id, BillingEvent.event_type, BillingEvent.event_data)
        # Those without a payload would stand before the others for ever.
        .where(had_no_owner, or_(has_user, has_row), BillingEvent.event_data.is_not(None))
        .order_by(BillingEvent.event_id)
        .limit(BATCH)
    )
    if customers is not None:
        query = query.where(BillingEvent.stripe_customer_id.in_(sorted(customers)))
    return [
        AcceptedEvent(event_id, FAMILY_OF[event_type], payload.encode())
        for event_id, event_type, stored in session.execute(query)
        if event_type in FAMILY_OF and (payload := payloads.read(event_id, stored))
    ]


def redrive(
    database: Database,
    inbox: WorkingInbox,
    customers: Collection[str] | None = None,
    *,
    payloads: Payloads = PLAIN,
) -> list[str]:
    """Put such events into the inbox once more, and return their IDs."""
    with database.read() as session:
        events = owned_by_now(session, customers, payloads=payloads)
    if events:
        inbox.accept_again(events)
    return [event.event_id for event in events]


def waiting_customers(session: Session, limit: int) -> list[dict[str, Any]]:
    """Return the customers whose events are parked, those that wait longest first; None is who names no customer."""
    received = BillingEvent.received_at
    told = (BillingEvent.stripe_customer_id, func.count(), func.min(received), func.max(received))
    query = (
        select(*told)
        .where(BillingEvent.outcome == Outcome.PARKED)
        .group_by(BillingEvent.stripe_customer_id)
        .order_by(func.min(received), BillingEvent.stripe_customer_id)
        .limit(limit)
    )
    return [dict(zip(WAITING, row, strict=True)) for row in session.execute(query)]
