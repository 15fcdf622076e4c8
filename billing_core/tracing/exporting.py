"""Where this process's spans go: to a collector, by OTLP over HTTP, as the standard OTEL_* variables say."""

import os

from celery.signals import before_task_publish
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from billing_core.tracing.spans import current_headers


def start_exporting(process: str) -> TracerProvider:
    """Begin; what waits is sent when the process ends, or at `shutdown` of what this returns.

    Args:
        process: names the service where OTEL_SERVICE_NAME does not.
    """
    os.environ.setdefault("OTEL_SERVICE_NAME", f"billing-{process}")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ["OTEL_SERVICE_NAME"]}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    before_task_publish.connect(_pass_on, weak=False)
    return provider


def _pass_on(headers: dict[str, object], **_: object) -> None:
    """Let the message that Celery sends say in which trace it was sent."""
    headers.update(current_headers())
