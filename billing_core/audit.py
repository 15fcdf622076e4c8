"""BillingEvents: what became of every event, written in the transaction that has its effect."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from billing_core.dialects import GuardedRow, insert_rows, update_rows
from billing_core.errors import RaceLost
from billing_core.events import StripeEvent
from billing_core.facts import Fact
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from billing_core.ordering import SETTLED, Changes, Outcome

_TABLE = cast("Table", BillingEvent.__table__)

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


class OnRecord(NamedTuple):
    """What BillingEvents says of an event."""

    outcome: Outcome
    attempts: int


def on_record(session: Session, event_ids: Collection[str]) -> dict[str, OnRecord]:
    """Return what is on record of these events, by their ID."""
    query = select(BillingEvent.stripe_event_id, BillingEvent.outcome, BillingEvent.attempts).where(
        BillingEvent.stripe_event_id.in_(sorted(event_ids))
    )
    return {event_id: OnRecord(Outcome(outcome), attempts) for event_id, outcome, attempts in session.execute(query)}


def settled(known: Mapping[str, OnRecord]) -> set[str]:
    """Return those of the events that are over: taking them up again has no effect."""
    return {event_id for event_id, found in known.items() if found.outcome in SETTLED}


def record(session: Session, entries: Sequence[Entry], known: Mapping[str, OnRecord]) -> None:
    """Write the entries: new rows, or progress on rows whose event was parked or dead.

    What is on record of an event that is over stays.

    Args:
        session: of the transaction that the caller commits.
        entries: what became of which events.
        known: what was on record of them.

    Raises:
        RaceLost: another worker settled one of the events meanwhile; nothing may be committed.
    """
    rows = sorted((_row(entry) for entry in entries), key=lambda row: str(row["stripe_event_id"]))
    _insert(session, [row for row in rows if row["stripe_event_id"] not in known])
    _update(session, [row for row in rows if row["stripe_event_id"] in known], known)


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
    known = on_record(session, [event["stripe_event_id"]])
    if known:
        _update(session, [dict.fromkeys(_PROGRESS) | row], known)
    else:
        _insert(session, [row])


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
    insert_rows(session.connection(), _TABLE, [BillingEvent.by_column(row) for row in rows])


def _update(session: Session, rows: Sequence[dict[str, Any]], known: Mapping[str, OnRecord]) -> None:
    over = settled(known)
    guarded = [
        _guarded(row, known[row["stripe_event_id"]].attempts) for row in rows if row["stripe_event_id"] not in over
    ]
    changed = update_rows(session.connection(), _TABLE, guarded)
    if changed != len(guarded):
        raise RaceLost(f"{len(guarded) - changed} of {len(guarded)} events were settled meanwhile")


def _guarded(row: dict[str, Any], attempts: int) -> GuardedRow:
    """Attempts add up over replays; each raises them, so that they tell whether the row is as it was read."""
    progress = {name: row[name] for name in _PROGRESS} | {"attempts": attempts + row["attempts"]}
    held = {"stripe_event_id": row["stripe_event_id"], "attempts": attempts}
    return GuardedRow(BillingEvent.by_column(held), BillingEvent.by_column(progress))


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
