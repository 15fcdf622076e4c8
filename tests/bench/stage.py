"""What all contenders share: one Redis with our redis.conf, and one PostgreSQL set up as in production."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from redis import Redis

import migrations
from config.settings import VARIABLES, Settings
from tests.bench.bulk import fill
from tests.bench.contenders import ordinary
from tests.bench.requests import SECRET
from tests.embedded.postgres_server import PostgresServer
from tests.embedded.redis_server import RedisServer

PREFIX = Settings(env="test").queue_prefix


class Postgres(PostgresServer):
    """PostgreSQL with its own defaults, synced to disk, and noting by its own clock when each transaction committed."""

    def __init__(self) -> None:
        super().__init__(fsync=True)
        self._options = {
            **self._options,
            "shared_buffers": "128MB",
            "track_commit_timestamp": "on",
            "track_wal_io_timing": "on",
        }


class Stage:
    """Redis and PostgreSQL, with a database for ours and one for the ordinary stack."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="bench-"))
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, self.directory)

    def __enter__(self) -> Self:
        try:
            self.redis_server = self._stack.enter_context(RedisServer(self.folder("redis")))
            self.redis = self._stack.enter_context(Redis.from_url(self.redis_server.url))
            self.postgres = self._stack.enter_context(Postgres())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def folder(self, name: str) -> Path:
        """Make a directory for a process."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    def empty_redis(self) -> None:
        """Forget everything, also in the append-only file: else chance decides in whose turn it is rewritten."""
        self.redis.flushall()
        self._until_rewritten()
        self.redis.bgrewriteaof()
        self._until_rewritten()

    def _until_rewritten(self) -> None:
        while self.redis.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)

    def billing_database(self, customers: int, history: int = 0, dialect: str = "postgresql") -> str:
        """Return the address of a database in which so many customers signed up; `history` as of `fill`."""
        sqlite = f"sqlite:///{self.folder('sqlite') / 'billing.db'}"
        url = sqlite if dialect == "sqlite" else self.postgres.create_database("billing")
        migrations.upgrade(url)
        fill(url, customers, history)
        return url

    def ordinary_database(self) -> str:
        """Return the address of the ordinary stack's database."""
        url = self.postgres.create_database("ordinary")
        engine = sa.create_engine(url)
        ordinary.Table.metadata.create_all(engine)
        engine.dispose()
        return url

    def environment(self, database_url: str, **settings: str) -> dict[str, str]:
        """Return what a process is given: ours in production differs by its keys only."""
        values = {
            "env": "test",
            "stripe_webhook_secrets": SECRET,
            "redis_url": self.redis_server.url,
            "database_url": database_url,
        }
        # Some tests measure coverage in every process they start.
        return {VARIABLES[name]: value for name, value in (values | settings).items()} | {"COVERAGE_PROCESS_CONFIG": ""}
