"""What runs on a schedule and leaves its last result in a checkpoint.

What never ran is no finding: without Stripe's key nothing of it does. That beat and a worker live is seen elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from billing_core import gaps
from billing_core.database import Database
from billing_core.finding import Finding, fail, ok, warn
from billing_core.models.declarative import utc_now
from billing_core.reconcile import run as reconcile
from billing_core.watch.endpoint import LastCheck, last_check

# A night may be missed; after this long something keeps it from ending, or nobody runs it.
MISSED_NIGHTS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Runs:
    """The last results; None of what never ran."""

    gaps: gaps.LastRun | None
    endpoint: LastCheck | None
    reconcile: reconcile.Run | None

    def findings(self) -> Iterator[Finding]:
        """Judge them."""
        if self.gaps:
            yield _gaps(self.gaps)
        if self.endpoint:
            yield from self.endpoint.dated()
        if self.reconcile:
            yield _drift(self.reconcile)


def last_runs(database: Database) -> Runs:
    """Return the last results.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    return Runs(gaps.last_run(database), last_check(database), reconcile.last_run(database))


def _gaps(run: gaps.LastRun) -> Finding:
    if run.hole:
        found = f"what happened from {run.hole.begin:%Y-%m-%d %H:%M} to {run.hole.end:%Y-%m-%d %H:%M} is lost at Stripe"
        return fail("gaps", found, "billing backfill")
    if run.found:
        types = ", ".join(f"{number} {name}" for name, number in sorted(run.found.items()))
        found = f"the run of {run.at:%Y-%m-%d %H:%M} found and accepted {types}"
        return warn("gaps", found, "see why they were not delivered: billing endpoint check")
    return ok("gaps", f"none in the run of {run.at:%Y-%m-%d %H:%M}")


def _drift(run: reconcile.Run) -> Finding:
    drift = ", ".join(f"{number} {kind}" for kind, number in run.drift.items() if number)
    if drift:
        found = f"the run of {run.began_at:%Y-%m-%d %H:%M} left {drift}"
        return fail("drift", found, "billing reconcile, then --repair")
    if run.finished_at and utc_now() - run.finished_at > MISSED_NIGHTS:
        found = f"no run was finished since {run.finished_at:%Y-%m-%d %H:%M}"
        return warn("drift", found, "see reconcile.postponed in the worker's log; billing reconcile")
    return ok("drift", f"none in the run of {run.began_at:%Y-%m-%d %H:%M}")
