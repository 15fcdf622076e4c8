"""The Celery task of gap fill, and what it tells of its findings."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import structlog
from redis.exceptions import LockError
from redis.lock import Lock

from billing_core import metrics
from billing_core.errors import RetryLater
from billing_core.gaps import Findings, Lacking
from config.queues import FILL_GAPS_TASK
from workers.app import app
from workers.runtime import gap_fill, lock

log = structlog.get_logger()

# A page takes at most the Stripe SDK's attempts with their timeouts; a run that died is over after this time.
LOCKED_SECONDS = 120


@app.task(name=FILL_GAPS_TASK)
def fill_gaps() -> None:
    """Accept what Stripe has and we lack; after an outage of weeks that takes longer than until the next run."""
    alone = lock("gaps", LOCKED_SECONDS)
    if not alone.acquire():
        log.info("gap.skipped")
        return
    try:
        _fill(alone)
    except RetryLater as error:
        metrics.GAP_FILLS.labels("postponed").inc()
        log.warning("gap.postponed", reason=str(error))
    finally:
        with suppress(LockError):
            alone.release()


def _fill(alone: Lock) -> None:
    def tell(lacked: Sequence[Lacking]) -> None:
        # Redis may have forgotten the lock. Two at a time do no harm.
        with suppress(LockError):
            alone.reacquire()
        _report(lacked)

    findings = gap_fill().catch_up(tell)
    metrics.GAP_FILLS.labels("done").inc()
    _report_hole(findings)
    log.info(
        "gap.filled",
        count=len(findings.lacking),
        begin=findings.begin.isoformat(),
        end=findings.end.isoformat(),
    )


def _report(lacked: Sequence[Lacking]) -> None:
    overdue = [one for one in lacked if one.overdue]
    if not overdue:
        return
    types = Counter(one.event_type for one in overdue)
    for event_type, count in types.items():
        metrics.GAPS_FOUND.labels(event_type).inc(count)
    log.warning("gap.found", count=len(overdue), types=dict(types), event_ids=[one.event_id for one in overdue])


def _report_hole(findings: Findings) -> None:
    if findings.hole:
        log.error(
            "gap.hole_found",
            begin=findings.hole.begin.isoformat(),
            end=findings.hole.end.isoformat(),
            do="Stripe has no events of that time any more: run `billing backfill`",
        )
