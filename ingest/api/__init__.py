"""The billing API, `/api/billing`: what callers may read, and what they may have done. docs/api.md shows each call."""

from contextlib import ExitStack
from functools import partial
from http import HTTPStatus

import structlog
from anyio import CapacityLimiter
from celery import Celery
from fastapi import FastAPI
from redis import Redis
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from billing_core.commands import Commands
from billing_core.commands.payment_truth import client_secret
from billing_core.commands.queue import enqueue
from billing_core.database import Database
from billing_core.stripe_api import StripeApi
from config.settings import Settings
from ingest.api import commands, invoices, subscriptions, users
from ingest.api.auth import TokenVerifier
from ingest.api.document import use_document
from ingest.api.outcomes import Outcomes
from ingest.api.parts import DATABASE_THREADS, STRIPE_THREADS, Parts
from ingest.api.problems import problem_response
from ingest.failures import Failures

log = structlog.get_logger()

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def add_api(app: FastAPI, settings: Settings, celery: Celery, redis: Redis) -> Parts:
    """Add the API to the application; `close` what it returns when the application ends.

    Raises:
        config.settings.SettingsError: the key that tokens are checked with is none.
    """
    parts = _parts(settings, celery, redis)
    if not parts.verifier.configured:
        log.warning("api.closed", reason="no BILLING_JWT_SECRET, BILLING_JWT_PUBLIC_KEY or BILLING_JWT_JWKS_URL")
    app.state.billing_api = parts
    app.state.billing_outcomes = Outcomes(parts.find_command)
    for router in (subscriptions.router, invoices.router, users.router, commands.router):
        app.include_router(router)
    app.add_exception_handler(HTTPException, _problem)
    use_document(app)
    return parts


def _parts(settings: Settings, celery: Celery, redis: Redis) -> Parts:
    database = Database.from_settings(settings, pool_size=DATABASE_THREADS)
    stripe = StripeApi.from_settings(settings, redis)
    closing = ExitStack()
    for close in (database.dispose, celery.close):
        closing.callback(close)
    return Parts(
        verifier=TokenVerifier.from_settings(settings),
        database=database,
        commands=Commands(database),
        enqueue=partial(enqueue, celery),
        client_secret=partial(client_secret, stripe),
        stripe=stripe,
        failures=Failures.at("api", settings),
        database_threads=CapacityLimiter(DATABASE_THREADS),
        stripe_threads=CapacityLimiter(STRIPE_THREADS),
        max_body_bytes=settings.max_body_bytes,
        close=closing.close,
        user_prices=frozenset({*settings.user_prices, *filter(None, [settings.default_price])}),
    )


async def _problem(request: Request, error: Exception) -> Response:
    """Answer for paths and methods that there are not."""
    response = problem_response(error, request.url.path)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods(request))  # Starlette names those of one route only
    return response


def _methods(request: Request) -> list[str]:
    asked = ({**request.scope, "method": method} for method in _METHODS)
    routes: list[BaseRoute] = request.app.router.routes
    return [scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]
