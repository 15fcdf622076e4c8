"""One ID for a request, in its answer and in every line that it leaves, here and in the worker that does the work."""

import re
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"

# It stands in logs and in Celery's messages: nothing that could be an address, or without a letter a card's number.
_SANE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{8,64}")


def request_id(scope: Scope) -> str:
    """Return the ID that the caller, or a proxy before us, gave the request, or a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid4().hex


class RequestIds:
    """ASGI middleware. Webhooks pass before it: one that is accepted leaves no line, and needs no ID."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bind the ID to the request's lines, and answer with it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own_id = request_id(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER.lower().encode(), own_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=own_id):
            await self._app(scope, receive, answer)
