"""BillingEvents: what became of every event, written in the transaction that has its effect."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from billing_core.events import StripeEvent
from billing_core.facts import Fact
from billing_core.guard import ONE_STATEMENT
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from billing_core.ordering import SETTLED, Changes, Outcome

# What a later attempt may still change in a row whose event was parked or dead.
_PROGRESS = (
    "outcome",
    "reason",
    "error",
    "changes",
    "attempts",
    "processed_at",
    "user_id",
    "subscription_id",
    "invoice_id",
    # A dead letter may have been unreadable.
    "object_id",
    "stripe_customer_id",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one event, and the rows of ours that it concerns."""

    fact: Fact
    outcome: Outcome
    changes: Changes = field(default_factory=dict)
    reason: str | None = None
    user_id: int | None = None
    subscription_id: int | None = None
    invoice_id: int | None = None


def recorded(session: Session, event_ids: Collection[str]) -> dict[str, Outcome]:
    """Return the outcomes on record of these events."""
    query = select(BillingEvent.stripe_event_id, BillingEvent.outcome).where(
        BillingEvent.stripe_event_id.in_(sorted(event_ids))
    )
    return {event_id: Outcome(outcome) for event_id, outcome in session.execute(query)}


def settled(session: Session, event_ids: Collection[str]) -> set[str]:
    """Return those of the events that are over: taking them up again has no effect."""
    return {event_id for event_id, outcome in recorded(session, event_ids).items() if outcome in SETTLED}


def record(session: Session, entries: Sequence[Entry]) -> None:
    """Write the entries: new rows, or progress on rows whose event was parked or dead.

    What is on record of an event that is over stays: another worker may have settled the same event meanwhile.
    """
    if not entries:
        return
    known = recorded(session, [entry.fact.event.id for entry in entries])
    rows = sorted((_row(entry) for entry in entries), key=lambda row: str(row["stripe_event_id"]))
    _insert(session, [row for row in rows if row["stripe_event_id"] not in known])
    _update(session, [row for row in rows if known.get(row["stripe_event_id"], Outcome.APPLIED) not in SETTLED])


def record_dead(session: Session, event: dict[str, Any], reason: str, error: str, attempts: int) -> None:
    """Write a dead letter: `event` holds whatever columns could still be read from it.

    An event that is over stays as it is: its worker died, but its effect is there.
    """
    row = event | {
        "outcome": Outcome.DEAD,
        "reason": reason[:500],
        "error": error,
        "attempts": attempts,
        "processed_at": utc_now(),
    }
    known = recorded(session, [event["stripe_event_id"]]).get(event["stripe_event_id"])
    if known is None:
        _insert(session, [row])
    elif known not in SETTLED:
        _update(session, [dict.fromkeys(_PROGRESS) | row])


def event_columns(event: StripeEvent) -> dict[str, Any]:
    """Return the facts of an event by BillingEvents' attribute names."""
    return {
        "stripe_event_id": event.id,
        "event_type": event.type,
        "object_id": event.object_id,
        "api_version": event.api_version,
        "livemode": event.livemode,
        "stripe_created_at": event.as_of,
        "request_id": event.cause.id,
        "idempotency_key": event.cause.idempotency_key,
    }


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(BillingEvent), rows, execution_options=ONE_STATEMENT)


def _update(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    columns = BillingEvent.__mapper__.columns
    values = [{f"new_{name}": row[name] for name in _PROGRESS} | {"event": row["stripe_event_id"]} for row in rows]
    if values:
        statement = update(cast("Table", BillingEvent.__table__)).where(
            columns["stripe_event_id"] == bindparam("event")
        )
        progress: dict[Column[Any], ColumnElement[Any]] = {
            columns[name]: bindparam(f"new_{name}") for name in _PROGRESS
        }
        # They add up over replays.
        progress[columns["attempts"]] = columns["attempts"] + bindparam("new_attempts")
        session.connection().execute(statement.values(progress), values)


def _row(entry: Entry) -> dict[str, Any]:
    fact = entry.fact
    return {
        **event_columns(fact.event),
        "object_id": fact.object_id,
        "stripe_customer_id": getattr(fact.record, "stripe_customer_id", None),
        "event_data": fact.payload,
        "received_at": fact.received_at,
        "processed_at": utc_now(),
        "attempts": fact.attempts,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "error": None,
        "changes": entry.changes or None,
        "user_id": entry.user_id,
        "subscription_id": entry.subscription_id,
        "invoice_id": entry.invoice_id,
    }
