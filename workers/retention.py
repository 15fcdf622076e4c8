"""The Celery task that lets old payloads go."""

from datetime import timedelta

import structlog

from billing_core.errors import RetryLater
from billing_core.models.declarative import utc_now
from billing_core.retention import expire_payloads as expire
from config.queues import EXPIRE_PAYLOADS_TASK
from workers.app import app
from workers.runtime import runtime

log = structlog.get_logger()


@app.task(name=EXPIRE_PAYLOADS_TASK)
def expire_payloads() -> None:
    """Take the payload from events that have been over for as long as the settings say."""
    here = runtime()
    if here.settings.event_retention is None:  # beat has other settings
        return
    try:
        count = expire(here.database, utc_now() - timedelta(days=here.settings.event_retention))
    except RetryLater as error:
        log.warning("payloads.postponed", reason=str(error))
        return
    if count:
        log.info("payloads.expired", count=count)
