"""The composition root of a worker process: one of each, made when first needed."""

from dataclasses import dataclass
from functools import cache

from redis import Redis

from billing_core.commands import Commands
from billing_core.commands.execute import Executor
from billing_core.database import Database, create_engine_for
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from billing_core.stripe_gate import gate_over
from config.celery import SOCKET_CONNECT_TIMEOUT, SOCKET_TIMEOUT
from config.settings import Settings
from workers.app import app, settings


@dataclass(frozen=True)
class Runtime:
    """What the tasks of events work with."""

    settings: Settings
    inbox: WorkingInbox
    database: Database
    processor: Processor


@dataclass(frozen=True)
class CommandRuntime:
    """What the tasks of commands work with."""

    settings: Settings
    database: Database
    commands: Commands
    executor: Executor


@cache
def runtime() -> Runtime:
    """Return this process's runtime."""
    database = _database()
    inbox = WorkingInbox(_redis(), settings.queue_prefix, MessageTemplate(app), settings.dedupe_window)
    return Runtime(settings, inbox, database, Processor(database, _stripe(), settings.app))


@cache
def command_runtime() -> CommandRuntime:
    """Return this process's runtime for commands."""
    database = _database()
    executor = Executor(
        database,
        _stripe(),
        lease=settings.command_lease,
        longest_wait=settings.retry_backoff_max,
        default_price=settings.default_price,
        app=settings.app,
    )
    return CommandRuntime(settings, database, Commands(database), executor)


@cache
def _redis() -> Redis:
    return Redis.from_url(
        settings.redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_CONNECT_TIMEOUT
    )


@cache
def _database() -> Database:
    return Database(create_engine_for(settings.database_url, pool_size=settings.worker_concurrency))


@cache
def _stripe() -> StripeApi:
    """Making a Stripe client costs 65 ms, so there is one for all threads."""
    return StripeApi(
        settings.stripe_secret_key,
        settings.stripe_api_base,
        timeout=settings.stripe_timeout,
        max_retries=settings.stripe_max_retries,
        gate=gate_over(_redis(), settings),
    )
