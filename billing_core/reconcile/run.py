"""A run: how far it came, and what it found. It is kept after each step, so that any process can go on with it."""

from datetime import datetime
from typing import Any, Self

import msgspec

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.reconcile.findings import ORDER, Finding, What
from billing_core.reconcile.walks import Place

# Findings kept with a run; their number is kept whatever it is, and each one is in the log.
MOST_KEPT = 500

# The checkpoint with the last run that went through everything.
LAST_RUN = "reconcile"


class Tally(msgspec.Struct):
    """Numbers of one kind of object.

    Attributes:
        at_stripe: objects that Stripe listed and that are ours.
        rows: those of them that have a row, in the end.
        foreign: objects that Stripe listed and that are no user's of ours.
        moving: differences that were gone, or had changed, at the second look.
        unreadable: objects of no shape that we know.
        missing: drift, see `What`; so are the next two.
        differs: drift.
        unknown_at_stripe: drift.
        repaired: rows corrected, of the drift found.
        written: rows that a backfill added.
    """

    at_stripe: int = 0
    rows: int = 0
    foreign: int = 0
    moving: int = 0
    unreadable: int = 0
    missing: int = 0
    differs: int = 0
    unknown_at_stripe: int = 0
    repaired: int = 0
    written: int = 0

    @property
    def drift(self) -> int:
        """How many rows are still not as Stripe says."""
        return self.missing + self.differs + self.unknown_at_stripe - self.repaired

    def count(self, finding: Finding) -> None:
        """Count a finding."""
        match finding.what:
            case What.MISSING:
                self.missing += 1
            case What.DIFFERS:
                self.differs += 1
            case What.UNKNOWN:
                self.unknown_at_stripe += 1
        self.repaired += finding.repaired


class Run(msgspec.Struct):
    """One run through the account.

    Attributes:
        began_at: when it began.
        kinds: what it looks at, keys of `ORDER`.
        repair: whether it corrects what differs.
        fill: whether it adds what is missing without a word, as a backfill does.
        stage: which of the kinds it is at, the number of kinds when it is finished.
        place: where in that kind.
        tallies: by kind.
        findings: the first of them.
        finished_at: when it was finished.
    """

    began_at: datetime
    kinds: list[str]
    repair: bool = False
    fill: bool = False
    stage: int = 0
    place: Place = {}
    tallies: dict[str, Tally] = {}
    findings: list[Finding] = []
    finished_at: datetime | None = None

    @property
    def drift(self) -> dict[str, int]:
        """How many rows of each kind are still not as Stripe says."""
        return {kind: tally.drift for kind, tally in self.tallies.items()}

    @property
    def complete(self) -> bool:
        """Whether each object of ours at Stripe has its row here."""
        return all(tally.at_stripe == tally.rows for tally in self.tallies.values())

    def tally(self, kind: str) -> Tally:
        """Return the numbers of a kind."""
        return self.tallies.setdefault(kind, Tally())

    def found(self, finding: Finding) -> None:
        """Count a finding and keep it, if there is room."""
        self.tally(finding.kind).count(finding)
        if len(self.findings) < MOST_KEPT:
            self.findings.append(finding)

    def same_task(self, other: "Run") -> bool:
        """Whether another run has the same to do."""
        return (self.kinds, self.repair, self.fill) == (other.kinds, other.repair, other.fill)

    def as_json(self) -> dict[str, Any]:
        """Return it as a checkpoint can hold it."""
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return msgspec.convert(value, cls)


def last_run(database: Database) -> Run | None:
    """Return the last finished run through everything, by beat or by hand; None if there was none yet.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    value = checkpoints.read(database, LAST_RUN)
    return Run.from_json(value) if value else None


def keep(database: Database, run: Run) -> None:
    """Make a finished run the last one, unless it looked at a part only.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    if run.kinds == list(ORDER):
        checkpoints.write(database, LAST_RUN, run.as_json())
