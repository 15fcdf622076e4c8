"""Payloads that are plain, or sealed with an older key, get the newest key's seal, so that the older one may go."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from sqlalchemy import Table, case, func, literal, null, select

from billing_core.database import Database
from billing_core.dialects import GuardedRow, update_rows
from billing_core.models import BillingEvent
from billing_core.payloads import Payloads
from billing_core.retry import named_database_errors, retry_blips
from billing_core.sealed import FINGERPRINT, SEALED, CannotOpen, key_of

# Payloads of some 3 kB, twice in memory; one statement on SQL Server, where a row takes three of 2,090 parameters.
RESEALED_AT_ONCE = 500
# Of those only the beginning is looked at.
COUNTED_AT_ONCE = 5000

UNSEALED = "none"
"""What stands for the key of a payload that is not sealed."""

_TABLE = cast("Table", BillingEvent.__table__)


@dataclass
class Resealed:
    """What one run did.

    Attributes:
        resealed: so many payloads have the newest key's seal now.
        unopened: why a payload could not be opened, the first of each key by the key's fingerprint.
    """

    resealed: int = 0
    unopened: dict[str, str] = field(default_factory=dict)


class _Outdated(NamedTuple):
    event_id: int
    stripe_event_id: str
    stored: str


def reseal(database: Database, payloads: Payloads, limit: int | None = None) -> Resealed:
    """Seal with the newest key what is not; a payload that cannot be opened stays as it is, and the others go on.

    Each batch is a transaction, so that a run may be broken off. What another writer changed meanwhile is left to
    the next run.

    Args:
        database: with our rows.
        payloads: with the keys.
        limit: of payloads, after which the run ends.

    Raises:
        DatabaseUnavailable: the database is away or busy; do it again.
    """
    done = Resealed()
    last: int | None = 0
    while last is not None and (limit is None or done.resealed < limit):
        last, outdated = _next(database, last, f"{SEALED}{payloads.newest_key}:")
        if outdated:
            most = None if limit is None else limit - done.resealed
            done.resealed += _write(database, _sealed_anew(payloads, outdated, done.unopened)[:most])
    return done


def count_outdated(database: Database, payloads: Payloads) -> dict[str, int]:
    """Return how many payloads have not the newest key's seal, by their key's fingerprint."""
    found = Counter[str]()
    last: int | None = 0
    while last is not None:
        last, counted = _count(database, last)
        found.update(counted)
    if payloads.newest_key:
        del found[payloads.newest_key]
    return dict(found)


@retry_blips
def _next(database: Database, after: int, newest: str) -> tuple[int | None, list[_Outdated]]:
    """Return the last EventID of the next rows, None at the end, and those of the rows that are to be sealed.

    All rows are stepped through, and not looked for by their payload: no statement reads more than it returns.
    """
    data = BillingEvent.event_data
    outdated = case((data.not_like(f"{newest}%"), data), else_=null())
    query = select(BillingEvent.event_id, BillingEvent.stripe_event_id, outdated).where(BillingEvent.event_id > after)
    with named_database_errors(), database.read() as session:
        rows = session.execute(query.order_by(BillingEvent.event_id).limit(RESEALED_AT_ONCE)).all()
    last = rows[-1][0] if rows else None
    return last, [_Outdated(*row) for row in rows if row[2] is not None]


def _sealed_anew(payloads: Payloads, outdated: list[_Outdated], unopened: dict[str, str]) -> list[GuardedRow]:
    rows = list[GuardedRow]()
    for event_id, stripe_event_id, stored in outdated:
        try:
            anew = payloads.resealed(stripe_event_id, stored)
        except CannotOpen as error:
            unopened.setdefault(key_of(stored), str(error))
        else:
            held = {"event_id": event_id, "event_data": stored}
            rows.append(GuardedRow(BillingEvent.by_column(held), BillingEvent.by_column({"event_data": anew})))
    return rows


@retry_blips
def _write(database: Database, rows: list[GuardedRow]) -> int:
    with named_database_errors(), database.write() as session:
        return update_rows(session.connection(), _TABLE, rows)


@retry_blips
def _count(database: Database, after: int) -> tuple[int | None, dict[str, int]]:
    data = BillingEvent.event_data
    key = case(
        (data.like(f"{SEALED}%"), func.substring(data, len(SEALED) + 1, FINGERPRINT)),
        (data.is_not(None), literal(UNSEALED)),
        else_=null(),
    )
    rows = select(BillingEvent.event_id.label("event_id"), key.label("key")).where(BillingEvent.event_id > after)
    next_ = rows.order_by(BillingEvent.event_id).limit(COUNTED_AT_ONCE).subquery()
    query = select(next_.c.key, func.count(), func.max(next_.c.event_id))
    with named_database_errors(), database.read() as session:
        counted = session.execute(query.group_by(next_.c.key)).all()
    last = max((last for _, _, last in counted), default=None)
    return last, {key: count for key, count, _ in counted if key is not None}
