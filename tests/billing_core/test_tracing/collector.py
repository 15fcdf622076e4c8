"""A collector that keeps what it is sent by OTLP over HTTP."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

import tests.billing_core.test_tracing.apart  # isort: skip  # noqa: F401  (before the next, which it finds)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Seen(NamedTuple):
    """A span as it arrived."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, str]
    failed: str | None
    began: int


class Collector(ThreadingHTTPServer):
    """Serves from a thread while the block runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.raw = b""
        self._spans = list[Seen]()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self) -> list[Seen]:
        return sorted(self._spans, key=lambda span: span.began)

    def take(self, body: bytes) -> None:
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self._spans += [_seen(of["service.name"], span) for span in scope.spans]

    def wait_for(self, complete: Callable[[list[Seen]], bool]) -> list[Seen]:
        """Return all spans once those that are waited for are there."""
        deadline = time.monotonic() + 60
        while not complete(self.spans):
            assert time.monotonic() < deadline, self.tree()
            time.sleep(0.05)
        return self.spans

    def tree(self) -> str:
        """Show the spans as a person would want to see them."""
        ids = {span.span_id for span in self.spans}
        return "\n".join(line for span in self.spans if span.parent_id not in ids for line in self._branch(span, 0))

    def _branch(self, span: Seen, depth: int) -> list[str]:
        children = [child for child in self.spans if child.parent_id == span.span_id]
        line = f"{'  ' * depth}{span.name}  ({span.service}) {span.trace_id[:6]} {span.links or ''}"
        return [line, *(found for child in children for found in self._branch(child, depth + 1))]


def _seen(service: str, span: Span) -> Seen:
    attributes = {one.key: str(one.value) for one in span.attributes}
    return Seen(
        service,
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.span_id.hex() for link in span.links),
        attributes,
        span.status.message if span.status.code == 2 else None,
        span.start_time_unix_nano,
    )


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's name)
        """Keep the tests' output clean."""
