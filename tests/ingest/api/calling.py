"""The API as its tests call it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from fastapi import FastAPI

from billing_core.database import Database
from config.settings import Settings
from ingest.app import create_app
from tests.ingest.api.tokens import AUDIENCE, ISSUER, SECRET
from tests.ingest.deliveries import settings_for

API = "/api/billing"
PROBLEM = "application/problem+json"
NEW = {"user_id": 1, "payment_method_id": "pm_1"}


def settings_for_api(redis_url: str, database: Database, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "database_url": database.engine.url.render_as_string(hide_password=False),
        "jwt_secret": SECRET,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "default_price": "price_default",
        "user_prices": "price_plus",
    }
    return settings_for(redis_url, **(values | changes))


def made_app(settings: Settings, enqueue: Callable[[str], None] | None = None, **parts: Any) -> FastAPI:
    """Return the application, with other parts where they are given."""
    app = create_app(settings)
    given = parts | ({"enqueue": enqueue} if enqueue else {})
    app.state.billing_api = replace(app.state.billing_api, **given)
    return app


@asynccontextmanager
async def opened_api(
    settings: Settings, enqueue: Callable[[str], None] | None = None, **parts: Any
) -> AsyncIterator[httpx.AsyncClient]:
    app = made_app(settings, enqueue, **parts)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://api") as it:
        yield it


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem document, which says of itself what HTTP says of it."""
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert {"type", "title", "detail", "instance", "code"} <= body.keys()
    return body


def lines(output: str, event: str) -> list[dict[str, Any]]:
    """Return the log's lines of this event."""
    written = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in written if line["event"] == event]
