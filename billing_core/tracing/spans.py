"""A span with IDs and no data: not even of an exception does it say more than the class."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | bool | Sequence[str]]

# An event that waits longer, in the inbox or at Stripe, begins a trace of its own.
REMEMBERED = timedelta(days=1)

_HEADER = "traceparent"
_tracer = trace.get_tracer("billing")
_propagator = TraceContextTextMapPropagator()


@contextmanager
def span(
    name: str,
    kind: SpanKind,
    attributes: Attributes,
    *,
    parent: Context | None = None,
    links: Sequence[Context] = (),
    start: int | None = None,
) -> Iterator[Span]:
    """Make a span of the block, current as long as that runs.

    Args:
        name: of few different values.
        kind: of OpenTelemetry's kinds.
        attributes: IDs and other words of ours.
        parent: the context to continue; by default the current one.
        links: contexts of spans that it has to do with.
        start: when it began, in ns since 1970, if that is past.
    """
    ends = [Link(context) for context in map(_span_context, links) if context.is_valid]
    with _tracer.start_as_current_span(
        name,
        parent,
        kind,
        attributes,
        ends,
        start,
        record_exception=False,  # its text may quote personal data
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except Exception as error:
            fail(made, error)
            raise


def fail(made: Span, error: BaseException) -> None:
    """Mark a span as failed."""
    made.set_status(Status(StatusCode.ERROR, type(error).__name__))


def in_a_trace() -> bool:
    """Whether there is a current span that is recorded: what is on nobody's behalf is not worth a trace."""
    return trace.get_current_span().is_recording()


def current_headers() -> dict[str, str]:
    """Return what a message carries so that whoever gets it can continue the current trace."""
    headers = dict[str, str]()
    _propagator.inject(headers)
    return {name: value for name, value in headers.items() if name == _HEADER}


def trace_id() -> str:
    """Return the current trace's ID as traces are searched for."""
    return format(trace.get_current_span().get_span_context().trace_id, "032x")


def continued(traceparent: object) -> Context:
    """Return the context that a traceparent names; an empty one for whatever is none."""
    text = traceparent.decode(errors="replace") if isinstance(traceparent, bytes) else traceparent
    return _propagator.extract({_HEADER: text} if isinstance(text, str) else {}, Context())


def _span_context(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()
