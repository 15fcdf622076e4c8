"""How far gap fill has come, and what its last run found, for whoever watches.

It stands in the database: one restored from a backup brings the checkpoint of its time, from which all is found again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing_core import checkpoints
from billing_core.database import Database

_PROGRESS = "gaps"
_HOLE = "gaps.hole"  # apart, so that no run overwrites what a person has to see to


@dataclass(frozen=True, slots=True)
class Hole:
    """A time of which Stripe had forgotten the events before we could look: only a backfill mends it."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of gap fill that came forward.

    Attributes:
        at: when, by our clock.
        begin: since when it looked, by Stripe's clock.
        through: up to when we lack nothing, by Stripe's clock; behind `at` by hours, gap fill does not come through.
        found: how many events were lacking, by type; those perhaps on their way not counted.
        hole: what it could not fill, until a backfill did.
    """

    at: datetime
    begin: datetime
    through: datetime
    found: dict[str, int]
    hole: Hole | None

    @property
    def behind(self) -> bool:
        """Whether `billing backfill` is needed."""
        return self.hole is not None


def last_run(database: Database) -> LastRun | None:
    """Return the last run, or None before the first.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    value = checkpoints.read(database, _PROGRESS)
    if value is None:
        return None
    return LastRun(
        at=_moment(value["at"]),
        begin=_moment(value["begin"]),
        through=_moment(value["through"]),
        found=value["found"],
        hole=_hole(checkpoints.read(database, _HOLE)),
    )


def come_forward(database: Database, begin: datetime, through: datetime, found: dict[str, int]) -> None:
    """Put down that nothing is lacking any more up to `through`."""
    at = int(datetime.now(UTC).timestamp())
    moments = {"at": at, "begin": int(begin.timestamp()), "through": int(through.timestamp())}
    checkpoints.write(database, _PROGRESS, moments | {"found": found})


def open_hole(database: Database, hole: Hole) -> None:
    """Put down a time that no gap fill can fill; an earlier one that is still open becomes part of it."""
    open_already = _hole(checkpoints.read(database, _HOLE))
    begin = min(hole.begin, open_already.begin) if open_already else hole.begin
    checkpoints.write(database, _HOLE, {"begin": int(begin.timestamp()), "end": int(hole.end.timestamp())})


def close_hole(database: Database) -> None:
    """Forget the hole: a complete backfill has brought every object to Stripe's state."""
    checkpoints.clear(database, _HOLE)


def _hole(value: dict[str, Any] | None) -> Hole | None:
    return Hole(_moment(value["begin"]), _moment(value["end"])) if value else None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
