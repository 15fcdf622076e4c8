"""The composition root of the HTTP side."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from starlette.routing import Route

from billing_core.envelope import MessageTemplate
from billing_core.inbox import AcceptingInbox, WorkingInbox
from billing_core.totals import Teller, Totals
from config.celery import create_celery
from config.collector import spare_what_stays
from config.loading import load_settings
from config.logging import configure_logging
from config.redis_client import redis_client
from config.settings import Settings
from ingest.accept import Acceptor
from ingest.api import add_api
from ingest.failures import Failures
from ingest.health import Health
from ingest.keys import WebKeys
from ingest.matched import MatchedSecrets
from ingest.metrics import Metrics
from ingest.request_id import RequestIds
from ingest.signature import SignatureVerifier
from ingest.webhook import WebhookEndpoint, WebhookFirst

# FastAPI's own would tell of requests that nobody proved to be Stripe's, of paths before they are known to hold IDs,
# and what exceptions say. Ours is in ingest/traced.py.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "operation_spans": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without settings they come from the environment.

    Raises:
        config.settings.SettingsError: a setting is missing or does not fit the environment.
    """
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    secrets = settings.require_webhook_secrets()
    verifier = SignatureVerifier(secrets, settings.signature_tolerance)
    redis, blocking_redis = _redis(settings), redis_client(settings)
    celery = create_celery(settings)
    template = MessageTemplate(celery)
    acceptor = Acceptor(
        AcceptingInbox(redis, settings.queue_prefix, template),
        batch=settings.accept_batch,
        timeout=settings.accept_timeout,
    )
    matched = MatchedSecrets(redis, settings.queue_prefix, secrets)
    endpoint_class: Callable[..., WebhookEndpoint] = WebhookEndpoint
    if settings.traces:
        from ingest import traced  # noqa: PLC0415  (only where it is asked for)

        endpoint_class = traced.begin(redis, settings.queue_prefix)
    endpoint = endpoint_class(
        verifier,
        matched,
        acceptor,
        Failures.at("webhook", settings),
        livemode=settings.livemode_expected,
        max_body_bytes=settings.max_body_bytes,
    )
    health = Health(redis, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        spare_what_stays()
        teller = Teller(totals, settings.metrics_interval)
        teller.start()
        keys.start()
        yield
        await keys.stop()
        await asyncio.to_thread(teller.stop)
        await matched.close()
        await redis.aclose()
        parts.close()
        blocking_redis.close()

    app = FastAPI(
        title="Billing",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        # Its pages for /openapi.json load a stranger's scripts, and its redirects repeat the Host that was sent.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    parts = add_api(app, settings, celery, blocking_redis)
    keys = WebKeys(settings, endpoint, matched, parts.verifier, parts.stripe)
    inbox = WorkingInbox(blocking_redis, settings.queue_prefix, template, settings.dedupe_window)
    totals = Totals.of(settings)
    metrics = Metrics(blocking_redis, inbox, parts.database, totals, settings)
    app.router.routes[:0] = [
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", metrics.get),  # prometheus_client's own application, mounted, answers with a redirect
    ]
    if settings.traces:
        app.add_middleware(traced.TracedRequests)
    app.add_middleware(RequestIds)
    # The last that is added is asked first. docs/adr/0003-webhook-outside-fastapi.md
    app.add_middleware(WebhookFirst, endpoint=endpoint)
    return app


def _redis(settings: Settings) -> Redis:
    # No retry inside: the event must be stored or refused within accept_timeout, and Stripe retries by itself.
    return Redis.from_url(
        settings.redis_url,
        socket_timeout=settings.accept_timeout,
        socket_connect_timeout=settings.accept_timeout,
        retry=Retry(NoBackoff(), 0),
        # While these notifications are on, redis-py 8.1's pool hands out connections that Redis has closed meanwhile.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
