"""The two kinds of transaction that the product knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from billing_core.dialects import READING, WRITING, create_engine_for
from config.settings import Settings

__all__ = ["Database", "create_engine_for"]


class Database:
    """Where a unit of work gets its session: `read` looks, `write` commits when the block ends.

    A thread uses one session at a time, so that a pool as large as the number of threads is enough. A process
    that forks makes its own Database afterwards: connections do not survive a fork.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Rows stay readable after the commit, when no transaction is left to load them again.
        self._writers = sessionmaker(engine.execution_options(**WRITING), expire_on_commit=False)
        self._readers = sessionmaker(engine.execution_options(**READING), expire_on_commit=False)

    @classmethod
    def from_settings(cls, settings: Settings, *, pool_size: int) -> Self:
        """Make the database that the settings name, with its statements traced where they ask for that."""
        engine = create_engine_for(settings.database_url, pool_size=pool_size)
        if settings.traces:
            from billing_core.tracing.sql import trace_statements  # noqa: PLC0415  (only where it is asked for)

            trace_statements(engine)
        return cls(engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Look, and commit nothing. SQLite and PostgreSQL refuse a write here."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Commit when the block ends, roll back when it raises."""
        with self._writers.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close the connections."""
        self.engine.dispose()
