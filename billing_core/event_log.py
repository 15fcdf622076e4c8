"""BillingEvents as operators see it: what they look for in it, and what is old enough to go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.dialects import contains_literally
from billing_core.event_search import about
from billing_core.models import BillingEvent
from billing_core.ordering import Outcome
from billing_core.retry import named_database_errors, retry_blips

# Somebody has to do something: mend and replay, or link a customer.
UNRESOLVED = frozenset({Outcome.DEAD, Outcome.PARKED})

# A transaction of so many rows ends within the statement timeout and lets the workers write in between.
PURGED_AT_ONCE = 1000

# What a list shows of an event; the payload and the traceback are for one event at a time.
LISTED = (
    "stripe_event_id",
    "event_type",
    "object_id",
    "outcome",
    "reason",
    "attempts",
    "stripe_created_at",
    "received_at",
    "processed_at",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: all conditions together; None asks nothing.

    Attributes:
        outcome: what became of them.
        event_type: Stripe's type.
        reason: a part of the reason, as it stands there.
        since: received at or after this moment.
        object_id: Stripe's ID of the object they tell of.
        customer: Stripe's ID of the customer.
        user_id: of the user they belong to.
        about: an ID that they have to do with, as `event_search` understands it.
    """

    outcome: str | None = None
    event_type: str | None = None
    reason: str | None = None
    since: datetime | None = None
    object_id: str | None = None
    customer: str | None = None
    user_id: int | None = None
    about: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the WHERE clause's parts."""
        found: list[ColumnElement[bool]] = []
        if self.outcome:
            found.append(BillingEvent.outcome == self.outcome)
        if self.event_type:
            found.append(BillingEvent.event_type == self.event_type)
        if self.reason:
            found.append(contains_literally(BillingEvent.reason, self.reason))
        if self.since:
            found.append(BillingEvent.received_at >= self.since)
        named = {"object_id": self.object_id, "stripe_customer_id": self.customer, "user_id": self.user_id}
        found += [getattr(BillingEvent, name) == value for name, value in named.items() if value is not None]
        if self.about:
            found.append(about(self.about))
        return found


def list_events(
    session: Session, selection: Selection, limit: int, *, before: int | None = None
) -> list[dict[str, Any]]:
    """Return the newest events of a selection, without payloads; with `before`, those with a smaller EventID."""
    columns = [BillingEvent.event_id, *(getattr(BillingEvent, name) for name in LISTED)]
    query = select(*columns).where(*selection.conditions()).order_by(BillingEvent.event_id.desc()).limit(limit)
    if before is not None:
        query = query.where(BillingEvent.event_id < before)
    return [dict(row) for row in session.execute(query).mappings()]


def find_event(session: Session, event_id: str) -> BillingEvent | None:
    """Return one event's row."""
    return session.scalar(select(BillingEvent).where(BillingEvent.stripe_event_id == event_id))


def ids_to_replay(session: Session, selection: Selection, limit: int | None = None) -> Sequence[str]:
    """Return the IDs of a selection, oldest first: of the unresolved, unless it names an outcome itself."""
    query = select(BillingEvent.stripe_event_id).where(*selection.conditions()).order_by(BillingEvent.event_id)
    query = query.limit(limit)
    if selection.outcome is None:
        query = query.where(BillingEvent.outcome.in_(UNRESOLVED))
    return session.scalars(query).all()


def count_outcomes(session: Session, since: datetime) -> dict[str, int]:
    """Return how many events came to which outcome since then."""
    # The outcomes are named for the index, which begins with them: else all of it would be read.
    return _counted(session, and_(BillingEvent.outcome.in_(list(Outcome)), BillingEvent.processed_at >= since))


def count_unresolved(session: Session) -> dict[str, int]:
    """Return how many events wait for somebody to do something, by their outcome."""
    return _counted(session, BillingEvent.outcome.in_(UNRESOLVED))


def purge(database: Database, before: datetime) -> int:
    """Delete what was received before then, but for the unresolved, and return how many."""
    deleted = 0
    while count := _purge_some(database, before):
        deleted += count
    return deleted


@retry_blips
def _purge_some(database: Database, before: datetime) -> int:
    old = select(BillingEvent.event_id).where(
        BillingEvent.received_at < before, BillingEvent.outcome.not_in(UNRESOLVED)
    )
    with named_database_errors(), database.write() as session:
        chunk = session.scalars(old.order_by(BillingEvent.event_id).limit(PURGED_AT_ONCE)).all()
        if chunk:
            session.execute(delete(BillingEvent).where(BillingEvent.event_id.in_(chunk)))
        return len(chunk)


def _counted(session: Session, condition: ColumnElement[bool]) -> dict[str, int]:
    query = select(BillingEvent.outcome, func.count()).where(condition).group_by(BillingEvent.outcome)
    return {outcome: count for outcome, count in session.execute(query)}  # noqa: C416  (typed rows)
