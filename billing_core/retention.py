"""Payloads of events that are over go after a time, where that is wanted; what became of the events stays."""

from datetime import datetime

from sqlalchemy import select, update

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.event_log import UNRESOLVED
from billing_core.models import BillingEvent
from billing_core.models.declarative import NEVER
from billing_core.ordering import Outcome
from billing_core.retry import named_database_errors, retry_blips

CHECKPOINT = "retention"

# A transaction of so many rows ends within the statement timeout and lets the workers write in between.
EXPIRED_AT_ONCE = 1000
# Of a run, which holds a thread for seconds and not for minutes; every hour so many are more than a million a day.
EXPIRED_IN_ALL = 50_000


def expire_payloads(database: Database, before: datetime) -> int:
    """Take the payload from events that were over before then, and return from how many; the rest is for the next run.

    It counts from ProcessedAt, which an index has: a dead or parked event that is over at last is young again.

    Raises:
        DatabaseUnavailable: the database is away or busy; what was done stays done.
    """
    reached = checkpoints.read(database, CHECKPOINT) or {}
    expired = 0
    for outcome in sorted(set(Outcome) - UNRESOLVED):
        since = datetime.fromisoformat(reached.get(outcome, NEVER.isoformat()))
        while since < before and expired < EXPIRED_IN_ALL:
            count, since = _expire_some(database, outcome, since, before)
            expired += count
        reached[outcome] = since.isoformat()
    checkpoints.write(database, CHECKPOINT, reached)
    return expired


@retry_blips
def _expire_some(database: Database, outcome: Outcome, since: datetime, before: datetime) -> tuple[int, datetime]:
    """Return from how many events the payload was taken, and up to when there is none any more."""
    moment, is_such = BillingEvent.processed_at, BillingEvent.outcome == outcome
    old = select(BillingEvent.event_id, moment).where(
        is_such, moment >= since, moment < before, BillingEvent.event_data.is_not(None)
    )
    with named_database_errors(), database.write() as session:
        rows = session.execute(old.order_by(moment).limit(EXPIRED_AT_ONCE)).all()
        if rows:
            chunk = BillingEvent.event_id.in_([event_id for event_id, _ in rows])
            # A foreign event may have been taken up again in between.
            statement = update(BillingEvent).where(chunk, is_such).values(event_data=None)
            session.execute(statement, execution_options={"synchronize_session": False})
    return len(rows), rows[-1][1] if len(rows) == EXPIRED_AT_ONCE else before
