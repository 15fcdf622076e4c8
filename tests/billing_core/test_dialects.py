import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, ProgrammingError

from billing_core.database import create_engine_for
from billing_core.dialects import JsonText, UtcDateTime, is_transient, is_unique_violation


def test_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="is naive"):
        UtcDateTime().process_bind_param(datetime(2026, 11, 23), sqlite.dialect())  # noqa: DTZ001 (that is the point)


def test_parsed_json_is_refused_where_the_text_matters() -> None:
    parsed: Any = {"id": "evt_1"}
    with pytest.raises(TypeError, match="takes JSON as text, not dict"):
        JsonText().process_bind_param(parsed, sqlite.dialect())


def failure(action: Callable[[], object]) -> BaseException:
    with pytest.raises((sqlite3.Error, psycopg.Error, DBAPIError)) as raised:
        action()
    return raised.value


def verdict(error: BaseException) -> str:
    assert not (is_transient(error) and is_unique_violation(error))
    if is_transient(error):
        return "transient"
    return "unique" if is_unique_violation(error) else "neither"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "errors.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, u TEXT UNIQUE, n TEXT NOT NULL DEFAULT '')")
        connection.execute("INSERT INTO t VALUES ('k', 'u', '')")
        connection.commit()
    return path


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO t (k) VALUES ('k')", "unique"),
        ("INSERT INTO t (k, u) VALUES ('l', 'u')", "unique"),
        ("INSERT INTO t (k, n) VALUES ('l', NULL)", "neither"),
        ("SELEC 1", "neither"),
        # The code is here before its migration: an event must wait for the release, not become a dead letter.
        ("INSERT INTO absent VALUES (1)", "transient"),
        ("SELECT absent FROM t", "transient"),
    ],
)
def test_sqlite_statement_error(file: Path, statement: str, expected: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        assert verdict(failure(lambda: connection.execute(statement))) == expected


def test_sqlite_that_is_busy_is_transient(file: Path) -> None:
    with closing(sqlite3.connect(file)) as writer, closing(sqlite3.connect(file, timeout=0)) as other:
        writer.execute("BEGIN IMMEDIATE")
        assert verdict(failure(lambda: other.execute("BEGIN IMMEDIATE"))) == "transient"


def test_sqlite_snapshot_that_grew_old_is_transient(file: Path) -> None:
    with closing(sqlite3.connect(file)) as writer, closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        writer.execute("UPDATE t SET n = 'x'")
        writer.commit()
        error = failure(lambda: other.execute("UPDATE t SET n = 'y'"))
        assert isinstance(error, sqlite3.Error)
        assert error.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
        assert verdict(error) == "transient"


def test_sqlite_file_out_of_reach_is_transient(tmp_path: Path) -> None:
    assert verdict(failure(lambda: sqlite3.connect(tmp_path / "absent" / "x.db"))) == "transient"


def test_sqlite_error_is_seen_through_sqlalchemys(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        error = failure(lambda: connection.exec_driver_sql("INSERT INTO t (k) VALUES ('k')"))
    engine.dispose()
    assert isinstance(error, DBAPIError)
    assert verdict(error) == "unique"


Sessions = tuple[sa.Connection, sa.Connection]


@pytest.fixture
def sessions(server_database_url: str) -> Iterator[Sessions]:
    url = sa.make_url(server_database_url)
    if url.get_backend_name() == "postgresql":  # which would look for a deadlock after a second
        url = url.update_query_dict({"options": "-c deadlock_timeout=20ms"})
    engine = create_engine_for(url.render_as_string(hide_password=False), pool_size=2)
    with engine.connect() as one, engine.connect() as two:
        one.exec_driver_sql("CREATE TABLE t (k VARCHAR(9) NOT NULL PRIMARY KEY, n INT NOT NULL)")
        one.exec_driver_sql("INSERT INTO t VALUES ('a', 0), ('b', 0)")
        one.commit()
        yield one, two
        one.invalidate()  # rather than rolled back: after bad syntax Babelfish has done so already, and refuses
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO t VALUES ('a', 0)", "unique"),
        ("INSERT INTO t VALUES ('c', NULL)", "neither"),
        ("SELEC 1 FROM t", "neither"),
        ("SELECT * FROM absent", "transient"),
        ("SELECT absent FROM t", "transient"),
        ("SELECT n / 0 FROM t", "neither"),
    ],
)
def test_servers_statement_error(sessions: Sessions, statement: str, expected: str) -> None:
    one, _ = sessions
    assert verdict(failure(lambda: one.exec_driver_sql(statement).all())) == expected


def test_deadlock_is_transient(sessions: Sessions) -> None:
    one, two = sessions
    one.exec_driver_sql("UPDATE t SET n = 1 WHERE k = 'a'")
    two.exec_driver_sql("UPDATE t SET n = 2 WHERE k = 'b'")

    def go_on(connection: sa.Connection, key: str) -> DBAPIError | None:
        try:
            connection.exec_driver_sql(f"UPDATE t SET n = 3 WHERE k = '{key}'")
        except DBAPIError as error:
            connection.rollback()
            return error
        return None

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(go_on, two, "a")
        time.sleep(0.2)
        (error,) = filter(None, (go_on(one, "b"), waiting.result(10)))
    assert "deadlock" in str(error.orig)
    assert verdict(error) == "transient"


def test_server_that_is_away_is_transient(away_url: str) -> None:
    assert verdict(failure(create_engine_for(away_url, pool_size=1).connect)) == "transient"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(5)",
    ],
)
def test_what_ends_a_statement_of_postgresql_is_transient(connection: psycopg.Connection[Any], statement: Any) -> None:
    assert verdict(failure(lambda: connection.execute(statement))) == "transient"


def test_postgresql_serialization_failure_is_transient(postgres_url: str, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    connection.commit()
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.execute("SELECT * FROM t")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
        other.execute("UPDATE t SET n = 2")
    assert verdict(failure(lambda: connection.execute("UPDATE t SET n = 3"))) == "transient"


def test_connection_that_sqlalchemy_gave_up_is_transient() -> None:
    error = ProgrammingError("SELECT 1", None, Exception(), connection_invalidated=True)
    assert verdict(error) == "transient"


# What pyodbc raises; the class is told by its module, since the real one needs unixODBC to be imported.
PyodbcError: type[Exception] = type("Error", (Exception,), {"__module__": "pyodbc"})


def odbc_error(sqlstate: str, *diagnostics: str) -> Exception:
    origin = f"[{sqlstate}] [Microsoft][ODBC Driver 18 for SQL Server]"
    return PyodbcError(sqlstate, "; ".join(origin + diagnostic for diagnostic in diagnostics))


TRANSIENT = [
    odbc_error("40001", "[SQL Server]Transaction (Process ID 52) was deadlocked (1205) (SQLExecDirectW)"),
    odbc_error("42000", "[SQL Server]Lock request time out period exceeded. (1222) (SQLExecDirectW)"),
    odbc_error("42000", "[SQL Server]Snapshot isolation transaction aborted (3960) (SQLExecute)"),
    odbc_error("42000", "[SQL Server]Database 'x' is not currently available. (40613) (SQLDriverConnect)"),
    odbc_error("HY000", "[SQL Server]The service is currently busy. (40501) (SQLExecDirectW)"),
    odbc_error("28000", "[SQL Server]Login failed (18456) (SQLDriverConnect)", "Invalid attribute (0)"),
    odbc_error("08S01", "TCP Provider: Error code 0x2746 (10054) (SQLExecDirectW)"),
    odbc_error("42S02", "[SQL Server]Invalid object name 'absent'. (208) (SQLExecDirectW)"),
    odbc_error("42S22", "[SQL Server]Invalid column name 'absent'. (207) (SQLExecDirectW)"),
    odbc_error("08001", "TCP Provider: No connection could be made (10061) (SQLDriverConnect)"),
    odbc_error("HYT00", "Login timeout expired (0) (SQLDriverConnect)"),
]
UNIQUE = [
    odbc_error(
        "23000",
        "[SQL Server]Violation of UNIQUE KEY constraint 'UQ_BillingEvents_StripeEventID'. Cannot insert duplicate key "
        "in object 'dbo.BillingEvents'. The duplicate key value is (evt_1). (2627) (SQLExecDirectW)",
        "[SQL Server]The statement has been terminated. (3621)",
    ),
    odbc_error(
        "23000",
        "[SQL Server]Cannot insert duplicate key row in object 'dbo.t' with unique index 'i'. "
        "The duplicate key value is (1205). (2601) (SQLExecDirectW)",
    ),
]
NEITHER = [
    odbc_error("23000", "[SQL Server]Cannot insert the value NULL into column 'n'. (515) (SQLExecDirectW)"),
    odbc_error("42000", "[SQL Server]Incorrect syntax near 'SELEC'. (102) (SQLExecDirectW)"),
]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((error, "transient") for error in TRANSIENT),
        *((error, "unique") for error in UNIQUE),
        *((error, "neither") for error in NEITHER),
    ],
    ids=lambda value: str(value.args[1]).split("]")[-1][:40] if isinstance(value, Exception) else value,
)
def test_sql_server_error(error: Exception, expected: str) -> None:
    assert verdict(error) == expected
    assert verdict(DBAPIError("SELECT 1", None, error)) == expected


@pytest.mark.parametrize("error", [ValueError("(1205)"), KeyError("08S01"), sqlite3.ProgrammingError("closed")])
def test_error_of_our_own_is_neither(error: Exception) -> None:
    assert verdict(error) == "neither"
