"""What a migration and a server default need beyond SQLAlchemy's portable DDL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.functions import FunctionElement

from billing_core.dialects.column_types import UtcDateTime
from billing_core.dialects.impatience import ImpatientConnection


class UtcNow(FunctionElement[datetime]):
    """The database's own clock, in UTC whatever zone the server stands in; for server defaults."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(UtcNow, "mssql")
def _mssql_now(_element: UtcNow, _compiler: Any, **_options: Any) -> str:
    return "sysutcdatetime()"  # as SQL Server itself writes it, so that models and database compare as equal


@compiles(UtcNow, "postgresql")
def _postgresql_now(_element: UtcNow, _compiler: Any, **_options: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(UtcNow, "sqlite")
def _sqlite_now(_element: UtcNow, _compiler: Any, **_options: Any) -> str:
    # CURRENT_TIMESTAMP has no fraction; texts of unequal length would sort wrongly against those from Python.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def only_where(condition: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Return the options of an index on the rows that fit."""
    return {f"{dialect}_where": condition for dialect in ("mssql", "postgresql", "sqlite")}


def create_table_unless_exists(table: sa.Table, dialect: sa.Dialect) -> str:
    """DDL that creates `table` where the database has none of that name, online and offline alike."""
    if dialect.name != "mssql":  # T-SQL knows no IF NOT EXISTS here
        return str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))
    ddl = str(CreateTable(table).compile(dialect=dialect))
    return f"IF OBJECT_ID(N'[{table.name}]', N'U') IS NULL{ddl}"


_A_DAY = 24 * 3600

# s, for which a release waits while another one migrates.
_LOCK_SECONDS = 60

# Any constant does, as long as nobody else takes advisory locks under it: "billing" in ASCII.
_LOCK_ON_POSTGRESQL = int.from_bytes(b"billing", "big")


@contextmanager
def migrating(connection: sa.Connection) -> Iterator[None]:
    """Let a release migrate alone on SQL Server, from before its transaction until after it.

    The lock is the only one there that can be taken before there is a table, and without a hint. Nothing but the
    waiting depends on it: without, the second release would fail on the first one's tables, and succeed when it is
    run again.

    Raises:
        pyodbc.Error: another migration was not done after a minute.
    """
    if connection.dialect.name != "mssql":
        yield
        return
    _run_procedure(
        connection,
        "SET NOCOUNT ON; DECLARE @granted INT;"
        " EXEC @granted = sp_getapplock @Resource = N'billing_migration', @LockMode = N'Exclusive',"
        f" @LockOwner = N'Session', @LockTimeout = {_LOCK_SECONDS * 1000};"
        " IF @granted < 0 RAISERROR(N'another billing migration is running', 16, 1); SET NOCOUNT OFF;",
    )
    try:
        yield
    finally:
        if not connection.invalidated:  # a lost connection lost the lock as well
            release = "EXEC sp_releaseapplock @Resource = N'billing_migration', @LockOwner = N'Session'"
            _run_procedure(connection, release)


def _run_procedure(connection: sa.Connection, batch: str) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(batch)
    while cursor.nextset():  # an error that follows a procedure is told only here
        pass
    cursor.close()


def prepare_migration(connection: sa.Connection) -> None:
    """Let the statements of a transaction that migrates take their time, and keep others out on PostgreSQL.

    On SQLite BEGIN IMMEDIATE is the lock; see engines/sqlite.py.

    Raises:
        sqlalchemy.exc.DBAPIError: another migration was not done after a minute.
    """
    _be_patient(connection)
    if connection.dialect.name == "postgresql":
        # A DDL statement may run for as long as it needs, but must not wait long for a table, since everybody else
        # queues up behind it.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_ON_POSTGRESQL})")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")


def _be_patient(connection: sa.Connection) -> None:
    """Let a statement take as long as it takes."""
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, ImpatientConnection):
        driver.patient = True
    elif connection.dialect.name == "mssql":
        driver.timeout = _A_DAY
