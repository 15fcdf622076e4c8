"""The guarded write: a row changes only if it still has the revision that was read. One writer for every kind."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.dialects import GuardedRow, insert_rows, update_rows
from billing_core.errors import RaceLost
from billing_core.kinds import Kind
from billing_core.models.declarative import utc_now
from billing_core.ordering import State
from billing_core.records import Record, values_of


@dataclass(frozen=True, slots=True)
class Held:
    """A row as it was read, or as it is to be inserted if `own_id` is None."""

    own_id: int | None
    revision: int
    state: State | None

    @property
    def record(self) -> Record | None:
        """The record of the state."""
        return self.state.record if self.state else None


ABSENT = Held(None, 0, None)


@dataclass(frozen=True, slots=True)
class Write:
    """A state to write over what was held.

    Attributes:
        held: the row as it was read.
        state: what it is to say.
        event_id: the event that the state comes from, or None if it was fetched.
        columns: what is not Stripe's state: the owner and our own IDs of parents, by attribute name.
    """

    held: Held
    state: State
    event_id: str | None
    columns: dict[str, Any]


def read_held(session: Session, kind: Kind, stripe_ids: Collection[str]) -> dict[str, Held]:
    """Return the rows of these objects by Stripe's ID; an object without a row is not among them."""
    key = kind.attribute(kind.stripe_key)
    rows = session.execute(select(*kind.held).where(key.in_(sorted(stripe_ids)))).mappings()
    held = (_held(kind, row) for row in rows)
    return {kind.stripe_id(one.state.record): one for one in held if one.state}


def look_up_all(database: Database, kind: Kind, stripe_ids: Collection[str]) -> dict[str, Held]:
    """Return the objects' rows in a transaction of their own, as `read_held` does."""
    with database.read() as session:
        return read_held(session, kind, stripe_ids)


def look_up(database: Database, kind: Kind, stripe_id: str) -> Held:
    """Return one object's row in a transaction of its own, or `ABSENT`."""
    return look_up_all(database, kind, [stripe_id]).get(stripe_id, ABSENT)


def write_states(session: Session, kind: Kind, writes: Sequence[Write]) -> dict[str, int]:
    """Insert or update the rows, and return our own IDs by Stripe's.

    Raises:
        RaceLost: another writer changed one of the rows since it was read; nothing may be committed.
    """
    # Always in the same order, so that two batches with common objects wait for each other and never deadlock.
    ordered = sorted(writes, key=lambda write: kind.stripe_id(write.state.record))
    _update(session, kind, [write for write in ordered if write.held.own_id is not None])
    inserted = _insert(session, kind, [write for write in ordered if write.held.own_id is None])
    return inserted | {
        kind.stripe_id(write.state.record): write.held.own_id for write in ordered if write.held.own_id is not None
    }


def _held(kind: Kind, row: RowMapping) -> Held:
    return Held(row[kind.primary_key], row["revision"], kind.state(row))


def _insert(session: Session, kind: Kind, writes: Iterable[Write]) -> dict[str, int]:
    rows = [kind.model.by_column(_values(write) | {"revision": 1}) for write in writes]
    keys = kind.model.by_column({kind.stripe_key: None, kind.primary_key: None})
    written = insert_rows(session.connection(), kind.table, rows, returning=tuple(keys))
    return {stripe_id: own_id for stripe_id, own_id in written}  # noqa: C416  (typed rows)


def _update(session: Session, kind: Kind, writes: Sequence[Write]) -> None:
    changed = update_rows(session.connection(), kind.table, [_guarded(kind, write) for write in writes])
    if changed != len(writes):
        raise RaceLost(f"{len(writes) - changed} of {len(writes)} rows of {kind.model.__tablename__} changed meanwhile")


def _guarded(kind: Kind, write: Write) -> GuardedRow:
    held = {kind.stripe_key: kind.stripe_id(write.state.record), "revision": write.held.revision}
    new = _values(write) | {"revision": write.held.revision + 1, "updated_at": utc_now()}
    return GuardedRow(kind.model.by_column(held), kind.model.by_column(new))


def _values(write: Write) -> dict[str, Any]:
    return {
        **values_of(write.state.record),
        "as_of": write.state.as_of,
        "last_event_id": write.event_id,
        **write.columns,
    }
