"""Replay: dead and parked events go through the inbox once more, with the payload kept in BillingEvents."""

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, select

from billing_core.database import Database
from billing_core.dialects import in_chunks
from billing_core.errors import NeverRetry
from billing_core.event_types import family_of
from billing_core.events import decode_event
from billing_core.inbox import AcceptedEvent, WorkingInbox
from billing_core.models import BillingEvent
from billing_core.ordering import SETTLED, Outcome
from billing_core.payloads import PLAIN, Payloads
from config.queues import Family

CHUNK = 100  # payloads pass through memory
POLL = 0.1


class Mark(NamedTuple):
    """A row of BillingEvents without its payload: there may be many of them."""

    event_type: str
    outcome: Outcome
    processed_at: datetime
    has_payload: bool


class Replay:
    """One replay of some events.

    Attributes:
        open: the events that will be replayed.
        settled: events that are over, with their outcome: nothing to do.
        refused: the other IDs, each with the reason why it cannot be replayed.
        finished: what became of the replayed ones; None while a worker has not finished the event.
    """

    def __init__(
        self, database: Database, inbox: WorkingInbox, event_ids: Sequence[str], payloads: Payloads = PLAIN
    ) -> None:
        self._database = database
        self._payloads = payloads
        self._inbox = inbox
        self._marks = self._read_marks(event_ids)
        self.settled = {event_id: mark.outcome for event_id, mark in self._marks.items() if mark.outcome in SETTLED}
        self._families = self._read_families()
        self.refused = {event_id: self._objection(event_id) for event_id in event_ids if not self._known(event_id)}
        self.open = [event_id for event_id in dict.fromkeys(event_ids) if event_id in self._families]
        self.finished: dict[str, Outcome | None] = dict.fromkeys(self.open)

    def start(self) -> None:
        """Put the events into the inbox and the queues."""
        for chunk in in_chunks(self.open, CHUNK):
            payloads = self._read_payloads(chunk)
            self._inbox.accept_again(
                [AcceptedEvent(one, self._families[one], payloads[one].encode()) for one in chunk if one in payloads]
            )

    def results(self, timeout: float) -> Iterator[tuple[str, Outcome | None]]:
        """Yield each event with its new outcome as workers finish it; None for those that they do not take up.

        Args:
            timeout: seconds to wait for the next one.
        """
        waiting = dict.fromkeys(self.open)
        deadline = time.monotonic() + timeout
        while waiting and time.monotonic() < deadline:
            began = time.monotonic()
            for event_id, mark in self._read_marks(waiting).items():
                if mark.processed_at != self._marks[event_id].processed_at:
                    del waiting[event_id]
                    deadline = time.monotonic() + timeout
                    self.finished[event_id] = mark.outcome
                    yield event_id, mark.outcome
            # Looking for many takes long: the database has other work, too.
            time.sleep(max(POLL, time.monotonic() - began) if waiting else 0)
        for event_id in waiting:
            yield event_id, None

    def _known(self, event_id: str) -> bool:
        return event_id in self.settled or event_id in self._families

    def _objection(self, event_id: str) -> str:
        if event_id not in self._marks:
            return "not on record"
        if not self._marks[event_id].has_payload:
            return "its payload is not kept any more; Stripe has it for 30 days: resend it there"
        return f"nothing handles an event of type {self._marks[event_id].event_type}"

    def _read_marks(self, event_ids: Collection[str]) -> dict[str, Mark]:
        kept = case((BillingEvent.event_data.is_not(None), 1), else_=0)
        columns = (BillingEvent.event_type, BillingEvent.outcome, BillingEvent.processed_at, kept)
        marks = dict[str, Mark]()
        with self._database.read() as session:
            for chunk in in_chunks(event_ids, CHUNK):
                query = select(BillingEvent.stripe_event_id, *columns).where(BillingEvent.stripe_event_id.in_(chunk))
                for event_id, event_type, outcome, processed_at, has_payload in session.execute(query):
                    marks[event_id] = Mark(event_type, Outcome(outcome), processed_at, bool(has_payload))
        return marks

    def _read_families(self) -> dict[str, Family]:
        """Return the families of the events that are not over, as far as they have one."""
        unsettled = {
            event_id: mark
            for event_id, mark in self._marks.items()
            if event_id not in self.settled and mark.has_payload
        }
        families = {event_id: family_of(mark.event_type) for event_id, mark in unsettled.items()}
        # What was unreadable when it died may be readable by now.
        for chunk in in_chunks([event_id for event_id, family in families.items() if family is None], CHUNK):
            families |= {one: _family_told(one, payload) for one, payload in self._read_payloads(chunk).items()}
        return {event_id: family for event_id, family in families.items() if family}

    def _read_payloads(self, chunk: Collection[str]) -> dict[str, str]:
        query = select(BillingEvent.stripe_event_id, BillingEvent.event_data)
        with self._database.read() as session:
            rows = session.execute(query.where(BillingEvent.stripe_event_id.in_(chunk)))
            return {event_id: self._payloads.read(event_id, stored) or "" for event_id, stored in rows}


def _family_told(event_id: str, payload: str) -> Family | None:
    try:
        return family_of(decode_event(event_id, payload.encode()).type)
    except NeverRetry:
        return None
