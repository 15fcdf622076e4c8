"""The Celery task of the nightly reconcile: a slice at a time, so that it never keeps the queue waiting for long."""

from contextlib import suppress

import structlog
from redis.exceptions import LockError

from billing_core.errors import RetryLater
from billing_core.models.declarative import utc_now
from config.queues import RECONCILE_TASK
from workers.app import app
from workers.runtime import lock, nightly

log = structlog.get_logger()

# Below the interval at which beat asks, so that slices do not pile up.
SLICE_SECONDS = 20.0
# A slice ends with a step, which may have to wait for many answers. A worker that died is over after this time.
LOCKED_SECONDS = 300


@app.task(name=RECONCILE_TASK)
def reconcile() -> None:
    """Compare our rows with Stripe's objects for some seconds, if it is time to."""
    alone = lock("reconcile", LOCKED_SECONDS)
    if not alone.acquire():
        return
    try:
        nightly().slice(utc_now(), SLICE_SECONDS)
    except RetryLater as error:
        log.warning("reconcile.postponed", reason=str(error))
    finally:
        with suppress(LockError):
            alone.release()
