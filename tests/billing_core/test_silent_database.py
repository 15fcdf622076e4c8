"""A connection to PostgreSQL on which nothing comes back any more, though nobody closed it."""

import time

import pytest
import sqlalchemy as sa

from billing_core.database import Database, create_engine_for
from billing_core.dialects import impatience, prepare_migration
from billing_core.errors import DatabaseUnavailable
from billing_core.retry import named_database_errors
from tests.chaos.proxy import proxied

SOON = 0.5  # s


def test_silent_connection_counts_as_lost_and_the_next_one_works(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impatience, "ANSWER_SECONDS", SOON)
    with proxied(postgres_url) as (url, proxy):
        database = Database(create_engine_for(url, pool_size=1))
        with database.read() as session:
            session.execute(sa.text("SELECT 1"))
            assert proxy.freeze() == 1
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable), named_database_errors():
                session.execute(sa.text("SELECT 2"))
        assert time.monotonic() - began < 10
        assert _answers(database)
        assert proxy.freeze() == 1
        assert _answers(database)  # the pool tries a connection before it hands it out
        database.dispose()


def test_migration_may_take_as_long_as_it_takes(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impatience, "ANSWER_SECONDS", SOON)
    engine = create_engine_for(postgres_url, pool_size=1)
    with engine.begin() as connection:
        prepare_migration(connection)
        connection.execute(sa.text("SELECT pg_sleep(1)"))
    engine.dispose()


def _answers(database: Database) -> bool:
    with database.read() as session:
        return bool(session.scalar(sa.text("SELECT true")))
