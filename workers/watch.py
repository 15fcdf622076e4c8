"""The Celery tasks that look after the service itself, and log what nobody else would notice."""

import structlog

from billing_core.doctor.stripe_account import endpoint
from billing_core.errors import RetryLater
from billing_core.finding import Level
from billing_core.watch import judge, look
from billing_core.watch.endpoint import put_down
from config.queues import CHECK_ENDPOINT_TASK, WATCH_TASK
from workers.app import app
from workers.runtime import watch_runtime

log = structlog.get_logger()


@app.task(name=WATCH_TASK)
def watch() -> None:
    """Log what fails, again and again until it is mended. Of what is only worth a warning, `billing status` tells."""
    here = watch_runtime()
    for one in judge(look(here.redis, here.inbox, here.database, here.settings), here.settings):
        if one.level is Level.FAIL:
            log.error("watch.found", check=one.check, found=one.found, do=one.do)


@app.task(name=CHECK_ENDPOINT_TASK)
def check_endpoint() -> None:
    """Compare our endpoint at Stripe with what we need, and keep the answer for the watch."""
    here = watch_runtime()
    try:
        findings = endpoint(here.stripe, here.settings)
        put_down(here.database, findings)
    except RetryLater as error:
        log.warning("endpoint.check_postponed", reason=str(error))
        return
    for one in findings:
        if one.level is Level.FAIL:
            log.error("endpoint.found", check=one.check, found=one.found, do=one.do)
        elif one.level is Level.WARN:
            log.warning("endpoint.found", check=one.check, found=one.found, do=one.do)
