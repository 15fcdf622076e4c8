"""One event's whole story: what came, what became of it, what it changed, who caused it, and how its object stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.commands.keys import command_of
from billing_core.event_log import LISTED, find_event
from billing_core.kinds import KINDS, Kind
from billing_core.models import BillingCommand, BillingCustomer, BillingEvent

# Of one object: a subscription of years has some hundred.
OTHERS = 25


@dataclass(frozen=True, slots=True)
class Held:
    """An object's row as it stands: its table, and its columns by attribute name."""

    table: str
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """What is on record about an event.

    Attributes:
        event: its row.
        customer: the customer that it concerns.
        command: whose call to Stripe caused it.
        held: the object's row now.
        others: other events of the object, newest first.
    """

    event: BillingEvent
    customer: BillingCustomer | None
    command: BillingCommand | None
    held: Held | None
    others: Sequence[dict[str, Any]]

    @property
    def on_the_way(self) -> timedelta:
        """From Stripe's clock, which ticks in seconds, to ours."""
        return self.event.received_at - self.event.stripe_created_at

    @property
    def lag(self) -> timedelta:
        """From being accepted to the outcome on record; after a replay, to the replay's."""
        return self.event.processed_at - self.event.received_at


def story_of(session: Session, event_id: str) -> Story | None:
    """Return the story of an event, with at most a dozen look-ups by index; None for one that is not on record."""
    event = find_event(session, event_id)
    if event is None:
        return None
    return Story(
        event,
        customer=_customer(session, event),
        command=_command(session, event),
        held=held(session, event.object_id) if event.object_id else None,
        others=_others(session, event) if event.object_id else [],
    )


def held(session: Session, stripe_id: str) -> Held | None:
    """Return the row that we hold of an object at Stripe, whatever kind it is."""
    for kind in KINDS:
        row = session.scalar(select(kind.model).where(kind.attribute(kind.stripe_key) == stripe_id))
        if row is not None:
            return Held(kind.model.__tablename__, _columns(kind, row))
    return None


def _columns(kind: Kind, row: object) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in kind.model.__mapper__.column_attrs}


def _customer(session: Session, event: BillingEvent) -> BillingCustomer | None:
    query = select(BillingCustomer).where(BillingCustomer.stripe_customer_id == event.stripe_customer_id)
    return session.scalar(query) if event.stripe_customer_id else None


def _command(session: Session, event: BillingEvent) -> BillingCommand | None:
    command_id = command_of(event.idempotency_key)
    query = select(BillingCommand).where(BillingCommand.command_id == command_id)
    return session.scalar(query) if command_id else None


def _others(session: Session, event: BillingEvent) -> list[dict[str, Any]]:
    columns = [getattr(BillingEvent, name) for name in LISTED]
    query = select(*columns).where(BillingEvent.object_id == event.object_id, BillingEvent.event_id != event.event_id)
    query = query.order_by(BillingEvent.stripe_created_at.desc(), BillingEvent.event_id.desc()).limit(OTHERS)
    return [dict(row) for row in session.execute(query).mappings()]
