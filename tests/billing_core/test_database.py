import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from billing_core.database import Database, create_engine_for
from billing_core.dialects import is_transient
from tests.chaos.proxy import proxied

METADATA = sa.MetaData()
COUNTERS = sa.Table(
    "Counters",
    METADATA,
    sa.Column("Name", sa.Unicode(20), primary_key=True),
    sa.Column("Value", sa.Integer(), nullable=False),
)


def database_at(url: str, pool_size: int = 4) -> Database:
    database = Database(create_engine_for(url, pool_size=pool_size))
    METADATA.create_all(database.engine)
    return database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = database_at(database_url)
    yield database
    database.dispose()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    database = database_at(sqlite_url)
    yield database
    database.dispose()


def add(database: Database, name: str, value: int = 0) -> None:
    with database.write() as session:
        session.execute(COUNTERS.insert().values(Name=name, Value=value))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(COUNTERS.c.Name)))


def add_and_fail(database: Database) -> None:
    with database.write() as session:
        session.execute(COUNTERS.insert().values(Name="lost", Value=0))
        raise InterruptedError


def test_write_commits_at_its_end(database: Database) -> None:
    add(database, "kept")
    assert names(database) == ["kept"]


def test_write_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(InterruptedError):
        add_and_fail(database)
    assert names(database) == []


def test_read_writes_nothing(database: Database) -> None:
    # SQL Server knows no transaction that refuses to write: there it is rolled back.
    refused = nullcontext() if database.engine.dialect.name == "mssql" else pytest.raises(DBAPIError)
    with database.read() as session, refused:
        session.execute(COUNTERS.insert().values(Name="refused", Value=0))
    add(database, "later")
    assert names(database) == ["later"]


def test_savepoint_takes_back_its_own_part(database: Database) -> None:
    with database.write() as session:
        session.execute(COUNTERS.insert().values(Name="kept", Value=0))
        with session.begin_nested() as savepoint:
            session.execute(COUNTERS.insert().values(Name="lost", Value=0))
            savepoint.rollback()
    assert names(database) == ["kept"]


def test_writers_that_read_first_lose_no_update_on_sqlite(sqlite: Database) -> None:
    """With a plain BEGIN, SQLite fails such a transaction at once where somebody wrote in between."""
    add(sqlite, "counter")
    together = threading.Barrier(4)

    def count(_: int) -> None:
        together.wait(10)
        for _attempt in range(5):
            with sqlite.write() as session:
                value = session.scalars(sa.select(COUNTERS.c.Value)).one()
                session.execute(COUNTERS.update().values(Value=value + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with sqlite.read() as session:
        assert session.scalars(sa.select(COUNTERS.c.Value)).one() == 20


def test_reader_sees_the_last_commit_while_a_writer_works(database: Database) -> None:
    add(database, "committed")
    with database.write() as session:
        session.execute(COUNTERS.insert().values(Name="pending", Value=0))
        assert names(database) == ["committed"]


def test_reader_keeps_one_state_of_sqlite(sqlite: Database) -> None:
    with sqlite.read() as session:
        assert session.scalars(sa.select(COUNTERS.c.Name)).all() == []
        add(sqlite, "later")
        assert session.scalars(sa.select(COUNTERS.c.Name)).all() == []
    assert names(sqlite) == ["later"]


def test_pool_is_as_large_as_said_and_a_full_one_is_transient(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_core.dialects.engines.pool.CONNECT_SECONDS", 0.05)
    engine = create_engine_for(sqlite_url, pool_size=1)
    with engine.connect(), pytest.raises(PoolTimeout) as full:
        engine.connect()
    engine.dispose()
    assert is_transient(full.value)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
def test_sqlite_is_durable_and_strict(sqlite: Database, pragma: str, value: str | int) -> None:
    with sqlite.read() as session:
        assert session.execute(sa.text(f"PRAGMA {pragma}")).scalar_one() == value


def test_directory_of_an_sqlite_file_is_made_for_us_alone(tmp_path: Path) -> None:
    database = database_at(f"sqlite:///{tmp_path}/var/lib/billing.db")
    database.dispose()
    assert (tmp_path / "var/lib/billing.db").is_file()
    assert (tmp_path / "var/lib").stat().st_mode & 0o777 == 0o700


def test_sqlite_in_memory_serves_one_thread() -> None:
    database = database_at("sqlite://")
    add(database, "here")
    assert names(database) == ["here"]
    database.dispose()


def shown(url: str, setting: str) -> str:
    engine = create_engine_for(url, pool_size=1)
    with engine.connect() as connection:
        value: str = connection.exec_driver_sql(f"SHOW {setting}").scalar_one()
    engine.dispose()
    return value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("timezone", "UTC"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "20s"),
        ("tcp_user_timeout", "0"),  # ours is the client's; the server keeps its own
        ("application_name", "billing"),
    ],
)
def test_postgresql_session_is_in_utc_and_waits_for_nothing_too_long(
    postgres_url: str, setting: str, value: str
) -> None:
    assert shown(postgres_url, setting) == value


def test_options_in_the_url_win(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20lock_timeout%3D1s&application_name=console"
    assert shown(url, "lock_timeout") == "1s"
    assert shown(url, "statement_timeout") == "30s"
    assert shown(url, "application_name") == "console"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_url_without_a_driver_means_psycopg(postgres_url: str, scheme: str) -> None:
    assert shown(postgres_url.replace("postgresql+psycopg", scheme), "timezone") == "UTC"


def test_connection_cut_while_idle_is_replaced_unnoticed(server_database_url: str) -> None:
    with proxied(server_database_url) as (url, proxy):
        database = database_at(url, pool_size=1)
        proxy.refuse()
        proxy.accept()
        assert names(database) == []
        database.dispose()


def test_lock_held_too_long_is_transient(server_database_url: str) -> None:
    url = sa.make_url(server_database_url)
    if url.get_backend_name() == "postgresql":  # SQL Server's waits for the 5 seconds of production
        url = url.update_query_dict({"options": "-c lock_timeout=20ms"})
    database = database_at(url.render_as_string(hide_password=False))
    add(database, "locked")
    with database.write() as holder:
        holder.execute(COUNTERS.update().values(Value=1))
        with pytest.raises(DBAPIError) as refused, database.write() as waiting:
            waiting.execute(COUNTERS.update().values(Value=2))
    assert is_transient(refused.value)
    database.dispose()
