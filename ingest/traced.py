"""The endpoint and the API with spans. Imported only where BILLING_TRACES is on."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import structlog
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from redis.asyncio import Redis
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing_core.event_types import family_of
from billing_core.events import EventRequest, ThinReason
from billing_core.tracing.carried import CarriedToTheDoor
from billing_core.tracing.exporting import start_exporting
from billing_core.tracing.spans import continued, span, trace_id
from ingest.webhook import PATH, Envelope, WebhookEndpoint

_API = "/api/"
_BEGAN = "billing.began"
_SERVER_ERRORS = 500


class _Caused(msgspec.Struct):
    """As much of an event as tells what caused it: it names the idempotency key of the call."""

    request: EventRequest | str | None = None
    reason: ThinReason | None = None  # in thin events


_decoder = msgspec.json.Decoder(_Caused)


class TracedWebhookEndpoint(WebhookEndpoint):
    """The endpoint with a span for each verified event. What is refused leaves none: anybody could fill the store."""

    def __init__(self, redis: Redis, prefix: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._carried = CarriedToTheDoor(redis, prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer Stripe."""
        scope[_BEGAN] = time.time_ns()
        await super().__call__(scope, receive, send)

    async def _accept(self, envelope: Envelope, body: bytes, scope: Scope) -> Response:
        """Continue the trace of the call to Stripe that caused the event, if it was ours."""
        attributes = {"http.request.method": "POST", "http.route": PATH, "stripe.event_type": envelope.type}
        with span(
            f"POST {PATH}",
            SpanKind.SERVER,
            attributes | {"stripe.event_id": envelope.id},
            parent=await self._cause(body),
            start=scope[_BEGAN],
        ) as server:
            response = await self._send(envelope, body, scope)
            _answered(server, response.status_code)
            return response

    async def _send(self, envelope: Envelope, body: bytes, scope: Scope) -> Response:
        family = family_of(envelope.type)
        if family is None:
            return await super()._accept(envelope, body, scope)
        attributes = {"messaging.system": "celery", "messaging.operation.type": "send", "db.system.name": "redis"}
        with span(f"send {family}", SpanKind.PRODUCER, attributes | {"stripe.event_id": envelope.id}):
            await self._carried.keep_event(envelope.id)
            return await super()._accept(envelope, body, scope)

    async def _cause(self, body: bytes) -> Context:
        try:
            told = _decoder.decode(body)
        except msgspec.MsgspecError:
            return Context()
        request = told.reason.request if told.reason else told.request
        key = request.idempotency_key if isinstance(request, EventRequest) else None
        return (await self._carried.of_call(key) if key else None) or Context()


def begin(redis: Redis, prefix: str) -> Callable[..., TracedWebhookEndpoint]:
    """Begin to trace in this process, and return what makes its endpoint."""
    start_exporting("web")
    return partial(TracedWebhookEndpoint, redis, prefix)


class TracedRequests:
    """ASGI middleware with a span for each call of the API, in the caller's trace if it says which."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the request."""
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = continued(Headers(scope=scope).get("traceparent"))
        with span(method, SpanKind.SERVER, {"http.request.method": method}, parent=parent) as server:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(server, message["status"])
                await send(message)

            with structlog.contextvars.bound_contextvars(trace_id=trace_id()):
                await self._app(scope, receive, answer)
            if route := getattr(scope.get("route"), "path_format", None):
                server.update_name(f"{method} {route}")
                server.set_attribute("http.route", route)


def _answered(server: Span, status: int) -> None:
    server.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERRORS:
        server.set_status(Status(StatusCode.ERROR))
