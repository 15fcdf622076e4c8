"""What the commands work with."""

import atexit
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import structlog
from redis import Redis, RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError

from billing_core.database import Database, create_engine_for
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.payloads import Payloads
from billing_core.stripe_api import StripeApi
from billing_core.totals import Totals
from config.celery import create_celery
from config.loading import load_settings
from config.redis_client import redis_client
from config.settings import Settings, SettingsError


@dataclass(frozen=True)
class Runtime:
    """The service's parts, as the settings name them."""

    settings: Settings
    redis: Redis
    database: Database
    inbox: WorkingInbox
    stripe: StripeApi
    payloads: Payloads


@cache
def runtime() -> Runtime:
    """Return the parts, made when first needed.

    Raises:
        config.settings.SettingsError: a setting is missing or does not fit the environment.
    """
    settings = load_settings()
    atexit.register(_tell_counts, settings)
    # What a command prints is for scripts: log lines go beside it.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    redis = redis_client(settings)
    template = MessageTemplate(create_celery(settings))
    database = Database(_engine(settings.database_url))
    inbox = WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window)
    stripe, payloads = StripeApi.from_settings(settings, redis), Payloads.from_settings(settings)
    return Runtime(settings, redis, database, inbox, stripe, payloads)


def _tell_counts(settings: Settings) -> None:
    """Tell `/metrics` what this command counted: its calls to Stripe, and what it found."""
    totals = Totals.of(settings)
    with suppress(RedisError):
        totals.tell()
    totals.close()


def _engine(url: str) -> Engine:
    try:
        return create_engine_for(url, pool_size=1)
    except (ArgumentError, ImportError, KeyError, ValueError):
        problem = "DATABASE_URL is no address of SQL Server, PostgreSQL or SQLite"
    # Outside the except block: the error holds the address, and the address may hold a password.
    raise SettingsError(problem)
