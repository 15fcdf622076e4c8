"""The run of each night, in slices: beat asks often, and whoever asks at the right moment does the next few seconds.

How far it came is in the database, so that nothing is lost with a worker and nobody waits behind it for long.
"""

import time
from datetime import datetime, timedelta

from billing_core import checkpoints
from billing_core.actions import Source, record_action
from billing_core.database import Database
from billing_core.reconcile.reconcile import Reconcile, new_run
from billing_core.reconcile.run import Run, keep
from billing_core.retry import named_database_errors, retry_blips

CHECKPOINT = "reconcile.nightly"


class Nightly:
    """Begins a run each day at the same time, and goes on with it slice by slice."""

    def __init__(self, database: Database, reconcile: Reconcile, *, at: str, repair: bool) -> None:
        """Take the time of day, `HH:MM` in UTC, and whether what differs is corrected."""
        self._database = database
        self._reconcile = reconcile
        self._at = at
        self._repair = repair

    def slice(self, now: datetime, seconds: float) -> Run | None:
        """Work for about so many seconds, a step at least, if there is something to do; return the run.

        Raises:
            StripeUnavailable: no answer; the next slice goes on from the last step.
            DatabaseUnavailable: the database is away or busy; the same.
            RaceLost: webhooks changed the same rows each time; the same.
        """
        kept = checkpoints.read(self._database, CHECKPOINT)
        if kept is None:  # the first time: not at once, while a new installation has other things to do
            self._keep(now, None)
            return None
        run = Run.from_json(kept["run"]) if kept["run"] else None
        if run is None and now < datetime.fromisoformat(kept["next"]):
            return None
        run = run or self._begun()
        deadline = time.monotonic() + seconds
        while run.finished_at is None:
            self._reconcile.step(run)
            self._keep(now, run)
            if time.monotonic() >= deadline:
                break
        if run.finished_at:
            keep(self._database, run)
            self._keep(now, None)
        return run

    def _begun(self) -> Run:
        run = new_run(repair=self._repair)
        if run.repair:
            self._note(run)
        return run

    @retry_blips
    def _note(self, run: Run) -> None:
        details = {"kinds": run.kinds, "run_began_at": run.began_at.isoformat()}
        with named_database_errors(), self._database.write() as session:
            record_action(session, "reconcile.repair", subject="system", source=Source.SYSTEM, details=details)

    def _keep(self, now: datetime, run: Run | None) -> None:
        value = {"next": self._next(now).isoformat(), "run": run.as_json() if run else None}
        checkpoints.write(self._database, CHECKPOINT, value)

    def _next(self, now: datetime) -> datetime:
        hour, minute = map(int, self._at.split(":"))
        today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)
