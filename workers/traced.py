"""Tasks with spans. Imported only where BILLING_TRACES is on."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import structlog
from celery.signals import worker_init
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from billing_core.tracing.carried import Carried
from billing_core.tracing.exporting import start_exporting
from billing_core.tracing.spans import continued, span, trace_id
from config.queues import Family
from config.redis_client import redis_client
from workers.task import BillingTask

_FAMILIES = frozenset(Family)


class TracedTask(BillingTask):
    """A task with a span around its work.

    A message of events has no trace of its own, since many requests may have written it: the span continues the trace
    of a single event, and of several it is linked with each.
    """

    def work(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Do the work in a span."""
        name = str(self.name)
        attributes: dict[str, Any] = {
            "messaging.system": "celery",
            "messaging.operation.type": "process",
            "messaging.message.id": str(self.request.id),
        }
        parent, links = continued((self.request.headers or {}).get("traceparent")), list[Context]()
        if name in _FAMILIES:
            attributes |= {"stripe.event_ids": args[0], "messaging.batch.message_count": len(args[0])}
            links = _carried().of_events(args[0])
            if len(args[0]) == 1 and links:
                parent, links = links[0], []
        with span(f"process {name}", SpanKind.CONSUMER, attributes, parent=parent, links=links):
            structlog.contextvars.bind_contextvars(trace_id=trace_id())
            return super().work(args, kwargs)


@worker_init.connect
def _start(**_: object) -> None:
    start_exporting("worker")


@cache
def _carried() -> Carried:
    from workers.app import settings  # noqa: PLC0415  (it names this module's class)

    return Carried(redis_client(settings), settings.queue_prefix)
