"""The whole service as real processes: endpoint, worker, beat, Redis and a database, to be killed at will."""

import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import httpx
import sqlalchemy as sa
from redis import Redis

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.models import BillingCustomer, BillingEvent, User
from config.queues import Family
from config.settings import Settings
from tests.embedded.redis_server import RedisServer
from tests.embedded.server_process import ServerProcess

WEBHOOK_SECRET = "whsec_system_tests"
USER_ID = 7
PREFIX = Settings(env="test").queue_prefix
BIN = Path(sys.executable).parent


# Their lines are covered by other tests already, and measuring costs these processes a third of their speed.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}


class Web(ServerProcess):
    """`python -m ingest` on a free port."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        self.environment = {**(self.environment or {}), "PORT": str(self.port)}
        return [sys.executable, "-m", "ingest"]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez", timeout=1).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class CeleryProcess(ServerProcess):
    """A Celery program that tells in its log when it is ready."""

    program: tuple[str, ...] = ("worker", "--without-mingle", "--without-gossip")
    ready = b"ready."

    def _command(self) -> list[str]:
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        return [str(BIN / "celery"), "-A", "workers.app", *self.program]

    def _answers(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return self.ready in log.read()


class Worker(CeleryProcess):
    """The worker."""


class Beat(CeleryProcess):
    """The schedule."""

    program = ("beat",)
    ready = b"beat: Starting"


class Service:
    """Redis, endpoint, worker and beat over one database; `settings` are environment variables."""

    def __init__(self, directory: Path, database_url: str, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.database_url = database_url
        self.redis = RedisServer(self._folder("redis"))
        ours = {"BILLING_ENV": "test", "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}
        self._settings = {**ours, **UNMEASURED, **(settings or {})}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.redis)
            migrations.upgrade(self.database_url)
            self.database = Database(create_engine_for(self.database_url, pool_size=4))
            stack.callback(self.database.dispose)
            self._start(stack, {**self._settings, **self._addresses()})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def own(self, customers: Collection[str]) -> None:
        """Link customers to our one user, so that nothing has to be asked of Stripe."""
        with self.database.write() as session:
            if session.get(User, USER_ID) is None:
                session.execute(sa.insert(User), [{"user_id": USER_ID}])
            rows = [{"stripe_customer_id": customer, "user_id": USER_ID} for customer in customers]
            session.execute(sa.insert(BillingCustomer), rows)

    def recorded(self) -> dict[str, str]:
        """Return the outcome of every event on record."""
        with self.database.read() as session:
            rows = session.execute(sa.select(BillingEvent.stripe_event_id, BillingEvent.outcome))
            return {event_id: outcome for event_id, outcome in rows}  # noqa: C416  (typed rows)

    def missing_after(self, event_ids: Collection[str], timeout: float) -> set[str]:
        """Wait until all of the events are on record; return those that are not after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (missing := set(event_ids) - self.recorded().keys()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return missing

    def whereabouts(self, event_ids: Collection[str]) -> str:
        """Say where in Redis missing events are, for the reader of a failed test."""
        with Redis.from_url(self.redis.url) as redis:
            inbox = set[bytes]().union(*(redis.zrange(f"{PREFIX}inbox:{family}", 0, -1) for family in Family))
            queues = b"".join(b"".join(redis.lrange(f"{PREFIX}{family}", 0, -1)) for family in Family)
            held = b"".join(redis.hvals(f"{PREFIX}unacked"))
            index = redis.zrange(f"{PREFIX}unacked_index", 0, -1, withscores=True)
            deliveries = redis.hmget(f"{PREFIX}deliveries", sorted(event_ids))
        names = {event_id.encode() for event_id in event_ids}
        counts = {
            "inbox": len(names & inbox),
            "queued": sum(name in queues for name in names),
            "held": sum(name in held for name in names),
        }
        return f"{len(names)} missing, {counts}, index {index}, now {time.time()}, deliveries {set(deliveries)}"

    def _addresses(self) -> dict[str, str]:
        """Return where the processes find the database and Redis, which is running by now."""
        return {"REDIS_URL": self.redis.url, "DATABASE_URL": self.database_url}

    def _start(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        self.web = stack.enter_context(Web(self._folder("web"), environment=environment))
        self.worker = stack.enter_context(Worker(self._folder("worker"), environment=environment))
        self.beat = stack.enter_context(Beat(self._folder("beat"), environment=environment))

    def _folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True)
        return folder


@contextmanager
def timed() -> Iterator[list[float]]:
    """Measure a block: seconds are in the list when it ends."""
    began, took = time.monotonic(), list[float]()
    yield took
    took.append(time.monotonic() - began)
