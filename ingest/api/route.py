"""What happens around every endpoint: who calls is known first, errors become problems, one line tells of the call."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import structlog
from anyio.to_thread import run_sync
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive

from billing_core.errors import BillingError
from ingest.api.errors import InvalidToken, NoToken, TooManyFailures
from ingest.api.parts import parts_of
from ingest.api.problems import problem_response

log = structlog.get_logger()

_UNCHECKED = frozenset({400, 413, 422})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BillingRoute(APIRoute):
    """A route that nobody reaches without a token, whatever its endpoint declares."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler with authentication before it, and problems and the audit line after it."""
        handle = super().get_route_handler()
        template = self.path_format

        async def audited(request: Request) -> Response:
            response = await _answered(handle, request)
            response.headers.update(getattr(request.state, "headers", {}))
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:  # told once, where it began
                _audit(request, template, response.status_code)
            return response

        return audited


async def _answered(handle: Handler, request: Request) -> Response:
    parts = parts_of(request)
    try:
        # In a thread, since published keys may have to be fetched.
        request.state.caller = await run_sync(parts.verifier.caller, request.headers.get("authorization"))
        return await handle(Request(request.scope, _limited(request.receive, parts.max_body_bytes)))
    except (NoToken, InvalidToken) as error:
        wait = parts.failures.note(request.scope)
        return problem_response(error if wait is None else TooManyFailures(wait), request.url.path)
    except (BillingError, RequestValidationError, HTTPException) as error:
        return problem_response(error, request.url.path)
    except ClientDisconnect:
        return problem_response(HTTPException(400), request.url.path)  # nobody reads it; the line below tells
    except Exception as error:
        log.exception("api.failed", route=request.url.path)
        return problem_response(error, request.url.path)


def _limited(receive: Receive, most: int) -> Receive:
    """Refuse a body beyond the limit before it fills memory, whatever its Content-Length says."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise HTTPException(413)
        return message

    return counted


def _audit(request: Request, template: str, status: int) -> None:
    caller = getattr(request.state, "caller", None)
    # What was not checked may be anything, a card's number too.
    checked = caller is not None and status not in _UNCHECKED
    log.info(
        "api.called",
        subject=caller.subject if caller else None,
        method=request.method,
        route=template,
        status=status,
        command_id=getattr(request.state, "command_id", None),
        **(request.path_params if checked else {}),
    )
