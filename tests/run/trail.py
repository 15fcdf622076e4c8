"""What became of the events that fake Stripe sent: its own list of events held against our database."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from billing_core.database import Database
from billing_core.event_types import FAMILY_OF
from billing_core.kinds import CUSTOMER, INVOICE_PAYMENT, PAYMENT_METHOD, SUBSCRIPTION, Kind
from billing_core.models import BillingEvent
from billing_core.ordering import SETTLED, Outcome
from tests.fake_stripe.builders import EIGHT_TYPES
from workers.handlers import HANDLERS

# Lost messages come back by the sweep after BILLING_STALL_TIME, a killed worker's after the visibility timeout.
SETTLE_TIMEOUT = 90.0  # s

_APPLIED = frozenset({Outcome.APPLIED, Outcome.STALE, Outcome.TIE})
_POLL = 0.05  # s

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Footprint:
    """One handled event's way from Stripe to a row of ours.

    Attributes:
        lag: seconds from the moment we told Stripe that we have it to the commit.
        row: the row after it, such as `Subscriptions #1 past_due`.
    """

    event_type: str
    event_id: str
    happened: datetime
    received: datetime
    outcome: Outcome
    lag: float
    row: str


@dataclass(frozen=True)
class Verdict:
    """The sum of it; `lost` are events that fake Stripe sent and that our audit trail does not show as settled."""

    applied: int
    event_types: frozenset[str]
    lost: Sequence[Event]

    @property
    def missing_types(self) -> list[str]:
        """The event types of the specification that we did not see applied."""
        return sorted(set(EIGHT_TYPES) - self.event_types)

    @property
    def good(self) -> bool:
        """Nothing lost, and every event type of the specification applied."""
        return not self.lost and not self.missing_types

    def __str__(self) -> str:
        seen = len(self.event_types.intersection(EIGHT_TYPES))
        return f"applied={self.applied} event_types={seen} lost={len(self.lost)}"


class Trail:
    """Reads what the workers wrote."""

    def __init__(self, database: Database, sent: Callable[[], Sequence[Event]]) -> None:
        """Sent returns every event that fake Stripe has emitted so far, oldest first."""
        self._database = database
        self._sent = sent

    def wait_until_settled(self, keep_watch: Callable[[], None]) -> list[Event]:
        """Return the handled events that are still not settled when time is up: none, if all is well."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while (unsettled := self.unsettled()) and time.monotonic() < deadline:
            keep_watch()
            time.sleep(_POLL)
        return unsettled

    def unsettled(self) -> list[Event]:
        """Return the handled events that have no settled row in BillingEvents."""
        sent = self._handled()
        settled = {row.stripe_event_id for row in self._recorded(sent) if row.outcome in SETTLED}
        return [event for event in sent if event["id"] not in settled]

    def unhandled_types(self) -> Counter[str]:
        """Count the events of types that we acknowledge and drop."""
        return Counter(event["type"] for event in self._sent() if event["type"] not in FAMILY_OF)

    def footprints(self) -> list[Footprint]:
        """Return the way of each event on record, in the order of the commits."""
        recorded = self._recorded(self._handled())
        rows = _RowHistory(self._own_ids(recorded))
        return [_footprint(row, rows) for row in recorded]

    def verdict(self) -> Verdict:
        """Hold fake Stripe's list against the database."""
        applied = [row for row in self._recorded(self._handled()) if row.outcome in _APPLIED]
        return Verdict(len(applied), frozenset(row.event_type for row in applied), self.unsettled())

    def _handled(self) -> list[Event]:
        return [event for event in self._sent() if event["type"] in FAMILY_OF]

    def _recorded(self, sent: Iterable[Event]) -> list[BillingEvent]:
        query = select(BillingEvent).where(BillingEvent.stripe_event_id.in_([event["id"] for event in sent]))
        with self._database.read() as session:
            return list(session.scalars(query.order_by(BillingEvent.event_id)))

    def _own_ids(self, recorded: Iterable[BillingEvent]) -> dict[str, int]:
        """Return our own IDs of the objects that the events are about."""
        objects: defaultdict[Kind, set[str]] = defaultdict(set)
        for row in recorded:
            objects[_kind(row)].add(str(row.object_id))
        with self._database.read() as session:
            return {
                stripe_id: own_id
                for kind, ids in objects.items()
                for stripe_id, own_id in session.execute(
                    select(kind.attribute(kind.stripe_key), kind.attribute(kind.primary_key)).where(
                        kind.attribute(kind.stripe_key).in_(ids)
                    )
                )
            }


class _RowHistory:
    """Replays the changes on record, so that each event shows the row as it stood right after it."""

    def __init__(self, own_ids: Mapping[str, int]) -> None:
        self._own_ids = own_ids
        self._rows: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    def after(self, event: BillingEvent) -> str:
        row = self._rows[str(event.object_id)]
        row |= {name: after for name, (_, after) in (event.changes or {}).items()}
        own_id = self._own_ids.get(str(event.object_id))
        if own_id is None:
            return "no row"
        kind = _kind(event)
        return f"{kind.model.__tablename__} #{own_id} {describe(kind, row)}"


def describe(kind: Kind, row: Mapping[str, Any]) -> str:
    """Say in a few words how a row stands. Amounts are in the currency's minor unit, as in the table."""
    if kind is PAYMENT_METHOD:
        return f"{row.get('brand')} {row.get('last4')}{' detached' if row.get('detached_at') else ''}"
    if kind is SUBSCRIPTION:
        return str(row.get("status"))
    if kind is CUSTOMER:
        return f"user {row.get('named_user')}"
    if kind is INVOICE_PAYMENT:
        return f"{row.get('status')} {row.get('amount_paid')} {row.get('currency')}"
    return f"{row.get('status')} {row.get('amount')} {row.get('currency')}"


def _kind(event: BillingEvent) -> Kind:
    return HANDLERS[event.event_type].kind


def _footprint(event: BillingEvent, rows: _RowHistory) -> Footprint:
    return Footprint(
        event.event_type,
        event.stripe_event_id,
        event.stripe_created_at,
        event.received_at,
        Outcome(event.outcome),
        (event.processed_at - event.received_at).total_seconds(),
        rows.after(event),
    )
