"""The Celery tasks: one for each family of event types, and what beat runs."""

from typing import Any

import structlog
from celery import Task

from billing_core import metrics
from billing_core.errors import RetryLater
from billing_core.parked import redrive
from billing_core.retry import countdown, named_database_errors
from config.queues import SWEEP_TASK, Family
from workers.app import app
from workers.batch import work_off
from workers.outage import longest_wait, outlast_outage
from workers.runtime import runtime

log = structlog.get_logger()


@app.task(name=Family.SUBSCRIPTION, bind=True, max_retries=None)
def subscription(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about subscriptions."""
    return _apply(self, Family.SUBSCRIPTION, event_ids)


@app.task(name=Family.INVOICE, bind=True, max_retries=None)
def invoice(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about invoices."""
    return _apply(self, Family.INVOICE, event_ids)


@app.task(name=Family.PAYMENT_METHOD, bind=True, max_retries=None)
def payment_method(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about payment methods."""
    return _apply(self, Family.PAYMENT_METHOD, event_ids)


@app.task(name=Family.DISPUTE, bind=True, max_retries=None)
def dispute(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about disputes."""
    return _apply(self, Family.DISPUTE, event_ids)


@app.task(name=Family.REFUND, bind=True, max_retries=None)
def refund(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about refunds."""
    return _apply(self, Family.REFUND, event_ids)


@app.task(name=Family.CUSTOMER, bind=True, max_retries=None)
def customer(self: Task[Any, str], event_ids: list[str]) -> str:
    """Apply events about customers."""
    return _apply(self, Family.CUSTOMER, event_ids)


@app.task(name=SWEEP_TASK)
def sweep() -> None:
    """Queue again whatever Celery or Redis' queue lost, and what was parked and has an owner by now."""
    here = runtime()
    for family in Family:
        if stranded := here.inbox.sweep(family, here.settings.stall_time, 2 * here.settings.visibility_timeout):
            metrics.SWEPT.labels(family).inc(len(stranded))
            log.warning("sweep.requeued", family=family, count=len(stranded), event_ids=stranded)
    metrics.SWEEPS.labels("events").inc()
    try:
        with named_database_errors():
            owned = redrive(here.database, here.inbox, payloads=here.payloads)
    except RetryLater as error:
        log.warning("parked.postponed", reason=str(error))
    else:
        if owned:
            metrics.UNPARKED.inc(len(owned))
            log.info("parked.requeued", count=len(owned), event_ids=owned)


def _apply(task: Task[Any, str], family: Family, event_ids: list[str]) -> str:
    """Work the events off; return what came of them, for Flower, which hears it with the end of the task."""
    here = runtime()
    done = work_off(here, family, event_ids)
    if later := done.later:
        was_away = outlast_outage(here.database, longest_wait(here.settings))
        # First the inbox, then the queue: a crash between the two leaves the events to the sweep.
        here.inbox.postpone(family, later)
        # Who has waited goes to the end of the queue at once: a countdown would let the worker take up the next ones.
        wait = 0 if was_away else countdown(task.request.retries, here.settings.retry_backoff_max)
        raise task.retry(args=(later,), countdown=wait)
    return str(done)
