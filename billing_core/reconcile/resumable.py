"""A run by hand that may be interrupted at any moment: the next one goes on where it stopped."""

from collections.abc import Iterator
from datetime import timedelta

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.errors import RetryLater
from billing_core.models.declarative import utc_now
from billing_core.reconcile.findings import Finding
from billing_core.reconcile.reconcile import Reconcile
from billing_core.reconcile.run import Run, keep

# What was compared so long ago says little about today. What a backfill has written stays written.
STALE = timedelta(days=1)

# Stripe or the database may be away for a while; who waits longer would rather know.
_patiently = retry(
    retry=retry_if_exception_type(RetryLater),
    wait=wait_random_exponential(multiplier=0.5, max=20),
    stop=stop_after_delay(300),
    reraise=True,
)


class Resumable:
    """Takes a run to its end under a name of its own."""

    def __init__(self, database: Database, reconcile: Reconcile, name: str) -> None:
        self._database = database
        self._reconcile = reconcile
        self._name = name

    def begin(self, wanted: Run, *, restart: bool) -> Run:
        """Return the run to go on with: an interrupted one that has the same to do, or the one wanted.

        Raises:
            DatabaseUnavailable: the database is away or busy.
        """
        value = None if restart else checkpoints.read(self._database, self._name)
        if not value:
            return wanted
        earlier = Run.from_json(value)
        stale = not earlier.fill and utc_now() - earlier.began_at > STALE
        return wanted if stale or not earlier.same_task(wanted) else earlier

    def steps(self, run: Run) -> Iterator[list[Finding]]:
        """Take the run to its end, and yield after each step what it found.

        Raises:
            RetryLater: Stripe or the database was away for five minutes; begin again later.
        """
        while run.finished_at is None:
            findings = _patiently(self._reconcile.step)(run)
            checkpoints.write(self._database, self._name, run.as_json())
            yield findings
        keep(self._database, run)
        checkpoints.clear(self._database, self._name)
