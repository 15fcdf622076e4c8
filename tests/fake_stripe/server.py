"""The fake's HTTP face: an ASGI app whose connections can be severed, on uvicorn."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import formatdate
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.fake_stripe.control import Control
from tests.fake_stripe.exchange import Api, ConnectionSevered, Incoming
from tests.fake_stripe.idempotency import Answer
from tests.fake_stripe.sandbox import CURRENT_VERSION

logger = logging.getLogger(__name__)

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

# How often due jobs are looked for while nobody asks anything.
TICK_SECONDS = 0.05


class SeverableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, telling the app how to cut its connection."""

    def on_message_begin(self) -> None:
        """Put the transport's abort beside the request."""
        super().on_message_begin()
        self.scope["state"]["sever"] = self.transport.abort


def build_app(api: Api, control: Control) -> ASGIApp:
    """Return the app that answers `/v1`, `/v2` and `/_fake`."""

    async def answer(request: Request) -> Response:
        try:
            answered = await api.answer(await _incoming(request))
            return _respond(answered, api.sandbox.clock.now(), request.headers)
        except ConnectionSevered:
            return await _sever(request)

    async def command(request: Request) -> Response:
        name = request.path_params["name"]
        sent: dict[str, Any] = await request.json() if await request.body() else {}
        try:
            return JSONResponse(await asyncio.to_thread(control.run, name, sent))
        except Exception as failed:  # noqa: BLE001 - whatever a command raises is its caller's to see
            return JSONResponse({"error": f"{type(failed).__name__}: {failed}"}, 400)

    routes = [
        Route("/_fake/{name}", command, methods=METHODS),
        Route("/{path:path}", answer, methods=METHODS),
    ]
    return Starlette(routes=routes, lifespan=_lifespan(control))


def _lifespan(control: Control) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await control.delivery.start()
        ticking = asyncio.create_task(_tick(control))
        yield
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await control.delivery.stop()

    return lifespan


async def _tick(control: Control) -> None:
    while True:
        try:
            control.sandbox.clock.tick()
        except Exception:
            # Time must go on, and whoever runs the fake must see what broke.
            logger.exception("a due job failed")
        await asyncio.sleep(TICK_SECONDS)


async def _incoming(request: Request) -> Incoming:
    return Incoming(
        request.method,
        request.url.path,
        request.url.query,
        await request.body(),
        dict(request.headers),
    )


def _respond(answer: Answer, now: float, asked: Mapping[str, str]) -> Response:
    headers = {
        "Content-Type": "application/json",
        "Date": formatdate(now, usegmt=True),
        "Request-Id": answer.request_id,
        "Stripe-Version": asked.get("stripe-version", CURRENT_VERSION),
    }
    if "idempotency-key" in asked:
        headers["Idempotency-Key"] = asked["idempotency-key"]
    return Response(answer.body, answer.status, headers | answer.headers)


async def _sever(request: Request) -> Response:
    request.state.sever()
    # Once the body is read, the next message is the disconnect; only then does uvicorn drop the response.
    await request.receive()
    return Response(status_code=500)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(1024)  # from now on clients wait instead of being refused
    return listening


def build_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server that adds no headers of its own and writes no log."""
    config = uvicorn.Config(
        app,
        http=SeverableProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
