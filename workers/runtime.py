"""The composition root of a worker process: one of each, made when first needed."""

from dataclasses import dataclass
from functools import cache

from redis import Redis

from billing_core.database import Database, create_engine_for
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from config.celery import SOCKET_CONNECT_TIMEOUT, SOCKET_TIMEOUT
from config.settings import Settings
from workers.app import app, settings


@dataclass(frozen=True)
class Runtime:
    """What the tasks work with."""

    settings: Settings
    inbox: WorkingInbox
    database: Database
    processor: Processor


@cache
def runtime() -> Runtime:
    """Return this process's runtime. Making a Stripe client costs 65 ms, so there is one for all threads."""
    redis = Redis.from_url(
        settings.redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_CONNECT_TIMEOUT
    )
    database = Database(create_engine_for(settings.database_url, pool_size=settings.worker_concurrency))
    stripe = StripeApi(
        settings.stripe_secret_key,
        settings.stripe_api_base,
        timeout=settings.stripe_timeout,
        max_retries=settings.stripe_max_retries,
    )
    inbox = WorkingInbox(redis, settings.queue_prefix, MessageTemplate(app), settings.dedupe_window)
    return Runtime(settings, inbox, database, Processor(database, stripe, settings.app))
