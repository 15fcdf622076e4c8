"""Connections that break, fall silent or are kept waiting: what the work is told, and what the pool keeps."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from billing_core.database import Database, create_engine_for
from billing_core.dialects import engines, prepare_migration
from billing_core.dialects.error_codes import loses_connection
from billing_core.dialects.lost_connections import give_up_lost_connections
from billing_core.errors import DatabaseUnavailable
from billing_core.retry import named_database_errors
from tests.chaos.proxy import TcpProxy, proxied
from tests.kinds import ONLY_SQL_SERVER
from tests.stores import open_database

ONE = sa.text("SELECT 1")


def who(session: Session) -> int:
    """Return the server's number of this connection."""
    ours = {"postgresql": "pg_backend_pid()", "mssql": "@@SPID"}[session.connection().dialect.name]
    return int(session.scalar(sa.text(f"SELECT {ours}")) or 0)


class Way(NamedTuple):
    """A database through a proxy."""

    database: Database
    proxy: TcpProxy


@pytest.fixture
def way(server_database_url: str) -> Iterator[Way]:
    with proxied(server_database_url) as (url, proxy):
        database = open_database(url)
        yield Way(database, proxy)
        database.dispose()


def cut(proxy: TcpProxy) -> None:
    proxy.refuse()
    time.sleep(0.2)  # until the cut has arrived
    proxy.accept()


def work_while_cut(way: Way) -> None:
    with way.database.write() as session:
        session.execute(ONE).all()
        cut(way.proxy)
        session.execute(ONE).all()


def commit_while_cut(way: Way) -> None:
    with way.database.write() as session:
        session.execute(ONE).all()
        cut(way.proxy)


@pytest.mark.parametrize("strike", [work_while_cut, commit_while_cut], ids=lambda strike: strike.__name__)
def test_connection_that_breaks_is_the_databases_trouble_and_is_replaced(
    way: Way, strike: Callable[[Way], None]
) -> None:
    with pytest.raises(DatabaseUnavailable), named_database_errors():
        strike(way)
    with way.database.read() as session:
        assert session.scalar(ONE) == 1


def test_connection_that_broke_while_idle_is_not_noticed(way: Way) -> None:
    with way.database.read() as one, way.database.read() as two:
        before = {who(one), who(two)}
    cut(way.proxy)
    with way.database.read() as one, way.database.read() as two:
        assert not before & {who(one), who(two)}


@pytest.fixture(params=ONLY_SQL_SERVER)
def silent_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """SQL Server, with a time for statements that a test can wait for; of PostgreSQL tells test_silent_database.py."""
    monkeypatch.setattr(engines.mssql, "STATEMENT_SECONDS", 1)
    with proxied(request.getfixturevalue(f"{request.param}_url")) as (url, proxy):
        database = open_database(url)
        yield Way(database, proxy)
        database.dispose()


def work_in_silence(way: Way) -> None:
    with way.database.write() as session:
        session.execute(ONE).all()
        way.proxy.freeze()
        session.execute(ONE).all()


def commit_in_silence(way: Way) -> None:
    with way.database.write() as session:
        session.execute(ONE).all()
        way.proxy.freeze()


@pytest.mark.parametrize("strike", [work_in_silence, commit_in_silence], ids=lambda strike: strike.__name__)
def test_silent_server_is_given_up_within_three_times_a_statements_time(
    silent_way: Way, strike: Callable[[Way], None]
) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable), named_database_errors():
        strike(silent_way)
    assert time.monotonic() - began < 5
    with silent_way.database.read() as session:
        assert session.scalar(ONE) == 1


@pytest.fixture(params=ONLY_SQL_SERVER)
def numbers(request: pytest.FixtureRequest) -> Iterator[Database]:
    """SQL Server with a table of one row."""
    database = open_database(request.getfixturevalue(f"{request.param}_url"))
    with database.write() as session:
        session.execute(sa.text("CREATE TABLE numbers (n INT NOT NULL)"))
        session.execute(sa.text("INSERT INTO numbers VALUES (0)"))
    yield database
    database.dispose()


def count(session: Session) -> int:
    return int(session.connection().execute(sa.text("UPDATE numbers SET n = n + 1")).rowcount)


def test_lock_that_takes_too_long_costs_the_statement_and_not_the_connection(numbers: Database) -> None:
    with numbers.write() as holder:
        count(holder)
        with numbers.read() as session:
            before = who(session)
            with pytest.raises(DatabaseUnavailable, match=r"1222|due to lock timeout"), named_database_errors():
                count(session)
            assert who(session) == before


def test_migration_takes_as_long_as_it_takes_and_counts_its_rows(
    numbers: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines.mssql, "STATEMENT_SECONDS", 1)
    url = numbers.engine.url.render_as_string(hide_password=False)
    migrating = create_engine_for(url, pool_size=1)
    with numbers.write() as holder:
        count(holder)
        release = threading.Timer(2.5, holder.rollback)
        release.start()
        with migrating.begin() as connection:
            prepare_migration(connection)
            assert connection.execute(sa.text("UPDATE numbers SET n = 7")).rowcount == 1
        release.join()
    migrating.dispose()


# What pyodbc raises; the class is told by its module, since the real one needs unixODBC to be imported.
PyodbcError: type[Exception] = type("Error", (Exception,), {"__module__": "pyodbc"})
DRIVER_18 = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.mark.parametrize(
    ("sqlstate", "text", "lost"),
    [
        ("08S01", f"{DRIVER_18}TCP Provider: Error code 0x2746 (10054) (SQLExecDirectW)", True),
        ("08S01", f"{DRIVER_18}Communication link failure (0) (SQLEndTran)", True),
        ("HY000", f"{DRIVER_18}[SQL Server]The session is in the kill state. (596) (SQLExecDirectW)", True),
        ("42000", f"{DRIVER_18}[SQL Server]Database 'x' is not currently available. (40613) (SQLExecDirectW)", True),
        ("25000", f"{DRIVER_18}[SQL Server]The database is read-only. (3906) (SQLExecDirectW)", True),
        ("HY000", "[FreeTDS][SQL Server]Unknown error (0) (SQLExecDirectW)", True),
        ("HY000", "The driver did not supply an error!", True),
        # Microsoft's driver gives both the same state: SQLAlchemy would take either for a lost connection.
        ("HYT00", f"{DRIVER_18}[SQL Server]Lock request time out period exceeded. (1222) (SQLExecDirectW)", False),
        ("HYT00", f"{DRIVER_18}Query timeout expired (0) (SQLExecDirectW)", None),
        ("40001", f"{DRIVER_18}[SQL Server]Transaction was deadlocked (1205) (SQLExecDirectW)", None),
        ("23000", f"{DRIVER_18}[SQL Server]Violation of UNIQUE KEY constraint. (2627) (SQLExecDirectW)", None),
    ],
)
def test_connection_is_lost(sqlstate: str, text: str, lost: bool | None) -> None:
    assert loses_connection(PyodbcError(sqlstate, f"[{sqlstate}] {text}")) is lost


@pytest.mark.parametrize("lost", [True, False, None])
def test_verdict_overrules_sqlalchemys_where_there_is_one(monkeypatch: pytest.MonkeyPatch, lost: bool | None) -> None:
    monkeypatch.setattr("billing_core.dialects.lost_connections.loses_connection", lambda _error: lost)
    engine = sa.create_engine("sqlite://")
    give_up_lost_connections(engine)
    judged = list[Any]()
    sa.event.listen(engine, "handle_error", lambda context: judged.append(context.is_disconnect))
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
        connection.exec_driver_sql("SELEC 1")
    assert judged == [bool(lost)]
    engine.dispose()
