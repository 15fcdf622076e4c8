"""The composition root of a worker process: one of each, made when first needed."""

from dataclasses import dataclass
from functools import cache

from redis import Redis
from redis.lock import Lock

from billing_core.commands import Commands
from billing_core.commands.execute import Executor
from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.gaps import GapFill
from billing_core.inbox import WorkingInbox
from billing_core.payloads import PLAIN, Payloads
from billing_core.process import Processor
from billing_core.reconcile.nightly import Nightly
from billing_core.reconcile.reconcile import Reconcile
from billing_core.stripe_api import StripeApi
from config.redis_client import redis_client
from config.settings import Settings
from workers.app import app, settings


@dataclass(frozen=True)
class Runtime:
    """What the tasks of events work with."""

    settings: Settings
    inbox: WorkingInbox
    database: Database
    processor: Processor
    payloads: Payloads = PLAIN


@dataclass(frozen=True)
class CommandRuntime:
    """What the tasks of commands work with."""

    settings: Settings
    database: Database
    commands: Commands
    executor: Executor


@dataclass(frozen=True)
class WatchRuntime:
    """What the tasks that look after the service work with."""

    settings: Settings
    redis: Redis
    inbox: WorkingInbox
    database: Database
    stripe: StripeApi


@cache
def runtime() -> Runtime:
    """Return this process's runtime."""
    database = _database()
    inbox = WorkingInbox(_redis(), settings.queue_prefix, MessageTemplate(app), settings.dedupe_window)
    return Runtime(settings, inbox, database, Processor(database, stripe(), settings.app), payloads())


@cache
def command_runtime() -> CommandRuntime:
    """Return this process's runtime for commands."""
    database = _database()
    executor = Executor(
        database,
        stripe(),
        lease=settings.command_lease,
        longest_wait=settings.retry_backoff_max,
        default_price=settings.default_price,
        app=settings.app,
    )
    return CommandRuntime(settings, database, Commands(database), executor)


@cache
def watch_runtime() -> WatchRuntime:
    """Return this process's runtime for the watch."""
    here = runtime()
    return WatchRuntime(settings, _redis(), here.inbox, here.database, stripe())


@cache
def gap_fill() -> GapFill:
    """Return this process's gap fill."""
    here = runtime()
    return GapFill(
        here.database,
        here.inbox,
        stripe(),
        livemode=settings.livemode_expected,
        overlap=settings.gap_overlap,
        payloads=here.payloads,
    )


@cache
def nightly() -> Nightly:
    """Return this process's nightly reconcile."""
    database = _database()
    reconcile = Reconcile(database, stripe(), settle=settings.reconcile_settle, app=settings.app)
    return Nightly(database, reconcile, at=settings.reconcile_at, repair=settings.reconcile_repair)


def lock(name: str, seconds: float) -> Lock:
    """Return a lock that all processes share: who does not get it need not wait, and it opens after so many seconds."""
    made: Lock = _redis().lock(f"{settings.queue_prefix}lock:{name}", timeout=seconds, blocking=False)
    return made


@cache
def payloads() -> Payloads:
    """Return what writes and reads this process's payloads."""
    return Payloads.from_settings(settings)


@cache
def _redis() -> Redis:
    if settings.traces:
        from billing_core.tracing.redis_calls import TracedRedis  # noqa: PLC0415  (only where it is asked for)

        return redis_client(settings, TracedRedis)
    return redis_client(settings)


@cache
def _database() -> Database:
    return Database.from_settings(settings, pool_size=settings.worker_concurrency)


@cache
def stripe() -> StripeApi:
    """Making a Stripe client costs 65 ms, so there is one for all threads."""
    return StripeApi.from_settings(settings, _redis())
