"""What protects an event or a command on its way, each to be taken away, so that the fault suite is seen to fail.

`WITHOUT=<name>` in the environment of the test build removes one of `REMOVALS`.
"""

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from billing_core import audit, inbox, ordering, retry
from billing_core.gaps.fill import GapFill
from billing_core.gaps.lacking import Lacking
from billing_core.gaps.listing import ListedEvent
from billing_core.inbox import AcceptedEvent, AcceptingInbox, ClaimedEvent, WorkingInbox
from billing_core.ordering import Outcome
from billing_core.stripe_api import Fetched, StripeApi
from config.queues import Family
from ingest import webhook
from tests.system.mortal.order import die_at
from workers.app import app

VARIABLE = "WITHOUT"


def _inbox() -> None:
    """Let Celery's queue alone hold what was accepted."""
    real = inbox._lua
    entry = "redis.call('ZADD', KEYS[2 * family - 1], now, id)"
    assert entry in real("accept")
    inbox._lua = lambda name: real(name).replace(entry, "") if name == "accept" else real(name)


def _atomic_accept() -> None:
    """Mark as seen first, and hand off second; the process can die between the two."""
    real = AcceptingInbox.accept

    async def accept(self: AcceptingInbox, events: Sequence[AcceptedEvent]) -> list[bool]:
        redis: Any = self._accept.registered_client
        keys = [self._keys.event(event.event_id) for event in events]
        new = [await redis.set(key, "", nx=True) for key in keys]
        die_at("after_accept")
        await redis.delete(*(key for key, is_new in zip(keys, new, strict=True) if is_new), "nothing")
        return await real(self, events)

    AcceptingInbox.accept = accept  # type: ignore[method-assign]


def _late_settling() -> None:
    """Take events out of the inbox as soon as a worker has them."""
    real = WorkingInbox.claim

    def claim(self: WorkingInbox, event_ids: Sequence[str]) -> list[ClaimedEvent]:
        claimed = real(self, event_ids)
        for family in Family:
            self._end(family, event_ids, self._dedupe_window)
        return claimed

    WorkingInbox.claim = claim  # type: ignore[method-assign]


def _event_record() -> None:
    """Do not look whether an event is on record already."""

    def settled(known: Mapping[str, audit.OnRecord]) -> set[str]:
        return set()

    audit.settled = settled


def _order() -> None:
    """Let whatever comes last win."""

    def fold_one(result: Any, item: Any) -> None:
        result.results.append((item, Outcome.APPLIED, {}))
        result.state, result.newest = item.state, item

    ordering._fold_one = fold_one


def _idempotency_key() -> None:
    """Send each attempt under a key of its own."""
    real = StripeApi.write

    def write(self: StripeApi, *args: Any, idempotency_key: str) -> Fetched:
        return real(self, *args, idempotency_key=str(uuid.uuid4()))

    StripeApi.write = write  # type: ignore[assignment,method-assign]


def _honest_answer() -> None:
    """Say 200 also where Redis did not confirm."""

    def unavailable(own_id: str) -> Response:
        return Response(status_code=200)

    webhook._unavailable = unavailable


def _late_acknowledgement() -> None:
    """Let Celery forget a message as soon as its task begins."""
    app.conf.task_acks_late = False


def _gap_fill() -> None:
    """Look for gaps, and accept nothing."""

    def accept(self: GapFill, page: Sequence[ListedEvent], now: datetime) -> list[Lacking]:
        return []

    GapFill._accept = accept  # type: ignore[method-assign]


def _named_outages() -> None:
    """Take a database that is away for a fault of the event."""

    def is_transient(error: BaseException) -> bool:
        return False

    vars(retry)[is_transient.__name__] = is_transient


REMOVALS: dict[str, Callable[[], None]] = {
    "inbox": _inbox,
    "atomic_accept": _atomic_accept,
    "late_settling": _late_settling,
    "event_record": _event_record,
    "order": _order,
    "idempotency_key": _idempotency_key,
    "honest_answer": _honest_answer,
    "named_outages": _named_outages,
    "late_acknowledgement": _late_acknowledgement,
    "gap_fill": _gap_fill,
}
# These are settings.
SETTINGS: dict[str, dict[str, str]] = {
    "sweep": {"BILLING_SWEEP_ENABLED": "false"},
}
# And these are the database's.
STATEMENTS: dict[str, str] = {
    "unique_index": 'ALTER TABLE "BillingEvents" DROP CONSTRAINT "UQ_BillingEvents_StripeEventID"',
}


def remove_named() -> None:
    """Take away what the environment names."""
    if removal := REMOVALS.get(os.environ.get(VARIABLE, "")):
        removal()


def environment_without(name: str | None) -> dict[str, str]:
    """Return what processes must be started with to lack a protection; the empty name takes nothing away."""
    if not name:
        return {}
    known = [*REMOVALS, *SETTINGS, *STATEMENTS]
    assert name in known, f"no protection {name}; there are {known}"
    return SETTINGS.get(name) or {VARIABLE: name}
