"""What Stripe posts, and the applications that it is posted to."""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import httpx
import redis
import uvicorn
from starlette.applications import Starlette

from billing_core.metrics import COUNTED
from billing_core.webhook_secrets import key
from config.settings import Settings
from ingest.app import create_app
from ingest.serving import server_options
from tests.embedded.ports import free_port
from tests.fake_stripe.signature import sign

PATH = "/webhooks/stripe"
SECRET = "whsec_active"
ROTATED_SECRET = "whsec_rotated_out"
ACCEPT_TIMEOUT = 0.3  # s
PREFIX = Settings(env="test").queue_prefix
COUNTS = key(PREFIX).encode(), f"{PREFIX}metrics".encode(), f"{PREFIX}heartbeat".encode()


def settings_for(redis_url: str, **changes: Any) -> Settings:
    """Return the settings of a test's endpoint."""
    values: dict[str, Any] = {
        "env": "test",
        "redis_url": redis_url,
        "stripe_webhook_secrets": f"{SECRET},{ROTATED_SECRET}",
        "accept_timeout": 10.0,  # on a loaded machine; tests of the timeout set their own
    }
    return Settings(**(values | changes))


def event_body(event_id: str = "evt_1", **fields: Any) -> bytes:
    """Return an event as Stripe sends it, as far as the endpoint looks."""
    event = {
        "id": event_id,
        "object": "event",
        "type": "invoice.payment_failed",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": "in_1", "object": "invoice", "customer_email": "jane@example.com"}},
    }
    return json.dumps(event | fields, indent=2).encode()


async def post(
    client: httpx.AsyncClient, body: bytes | None = None, signature: str | None = None, **headers: str
) -> httpx.Response:
    """Post a body, signed now with the active secret unless another signature is given."""
    body = event_body() if body is None else body
    headers |= {"stripe-signature": sign(body, SECRET) if signature is None else signature}
    return await client.post(PATH, content=body, headers=headers)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application in this event loop, from its start to its end."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://ingest") as it:
        yield it


def served(settings: Settings) -> AbstractContextManager[str]:
    """Serve the application by HTTP as `python -m ingest` does, in a thread, and return its address."""
    return served_app(create_app(settings), settings)


@contextmanager
def served_app(app: Starlette, settings: Settings | None = None, **changes: Any) -> Iterator[str]:
    """Serve this application."""
    port = free_port()
    config = uvicorn.Config(app, port=port, **server_options(settings or Settings(env="test")) | changes)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def contents(redis_url: str) -> dict[bytes, bytes | None]:
    """Return everything that Redis holds, serialised, but for what a process tells of itself."""
    with redis.Redis.from_url(redis_url) as connection:
        return {name: connection.dump(name) for name in connection.scan_iter() if not name.startswith(COUNTS)}


def queue_of(redis_url: str, family: str) -> list[dict[str, Any]]:
    """Return the messages that wait for the family's workers, newest first."""
    with redis.Redis.from_url(redis_url) as connection:
        return [json.loads(message) for message in connection.lrange(f"{{billing}}:{family}", 0, -1)]


def counted(name: str, **labels: str) -> float:
    """Return the counter's value; 0 before its first increment."""
    return COUNTED.get_sample_value(f"{name}_total", labels) or 0.0
