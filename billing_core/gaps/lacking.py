"""Which of Stripe's events we lack: they are neither in the inbox nor on record."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core import audit
from billing_core.database import Database
from billing_core.gaps.listing import ListedEvent
from billing_core.inbox import WorkingInbox
from billing_core.models import BillingEvent
from billing_core.payloads import PLAIN, Payloads
from billing_core.retry import named_database_errors, retry_blips

# Stripe posts within seconds. What is younger may be on its way: it is accepted, and nobody alarmed.
ON_ITS_WAY = timedelta(seconds=30)

# The two forms of one event need not have been made in the same second.
_APART = timedelta(minutes=1)


class Lacking(NamedTuple):
    """An event that we lacked; it is overdue if Stripe must have tried to post it by now."""

    event_id: str
    event_type: str
    overdue: bool


def lacking(
    database: Database, inbox: WorkingInbox, events: Sequence[ListedEvent], payloads: Payloads = PLAIN
) -> list[ListedEvent]:
    """Return those of the events that we lack.

    A tombstone in Redis is no proof: the database may have been restored from a backup that is older than the event.

    Raises:
        DatabaseUnavailable: nothing can be said.
        CannotOpen: the same; a payload is sealed, and its key is missing.
    """
    # Redis comes first: what is settled in between is on record by the time that the database is asked.
    due = inbox.due([event.event_id for event in events])
    rest = [event for event in events if event.event_id not in due]
    known = _on_record(database, rest, payloads) if rest else set()
    return [event for event in rest if event.event_id not in known]


@retry_blips
def _on_record(database: Database, events: Sequence[ListedEvent], payloads: Payloads) -> set[str]:
    event_ids = {event.event_id for event in events}
    with named_database_errors(), database.read() as session:
        known = set(audit.on_record(session, event_ids))
        if rest := [event.created for event in events if event.event_id not in known]:
            known.update(_told_thin(session, rest, payloads))
    return known


def _told_thin(session: Session, moments: Collection[int], payloads: Payloads) -> Iterator[str]:
    """Yield the IDs of events that came as thin events, which have IDs of their own and name the listed one."""
    between = (
        datetime.fromtimestamp(min(moments), UTC) - _APART,
        datetime.fromtimestamp(max(moments), UTC) + _APART,
    )
    # Only thin events have no API version.
    query = select(BillingEvent.stripe_event_id, BillingEvent.event_data).where(
        BillingEvent.stripe_created_at.between(*between), BillingEvent.api_version.is_(None)
    )
    for event_id, stored in session.execute(query):
        if twin := _twin(payloads.read(event_id, stored) or ""):
            yield twin


class _Thin(msgspec.Struct):
    snapshot_event: str | None = None


def _twin(payload: str) -> str | None:
    try:
        return msgspec.json.decode(payload, type=_Thin).snapshot_event
    except msgspec.MsgspecError:  # a dead letter that nobody could read
        return None
