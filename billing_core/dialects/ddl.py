"""What a migration and a server default need beyond SQLAlchemy's portable DDL."""

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


# Any constant does, as long as nobody else takes advisory locks under it: "billing" in ASCII.
_MIGRATION_LOCK = int.from_bytes(b"billing", "big")
_MIGRATION_PREAMBLES = {
    # Two releases at once queue up here. After that a DDL statement may run for as long as it needs, but must
    # not wait long for a table, since everybody else queues up behind it.
    "postgresql": (
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL lock_timeout = '60s'",
        f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})",
        "SET LOCAL lock_timeout = '5s'",
    ),
    # The only lock that can be taken before there is a table, and without a hint. Nothing but this waiting depends on
    # it: without, the second release would fail on the first one's tables, and succeed when it is run again. It belongs
    # to the session, since pyodbc's implicit transaction has not begun yet; closing the connection frees it.
    "mssql": (
        "SET NOCOUNT ON; DECLARE @granted INT;"  # noqa: ISC004 (one batch: T-SQL variables live no longer)
        " EXEC @granted = sp_getapplock @Resource = N'billing_migration', @LockMode = N'Exclusive',"
        " @LockOwner = N'Session', @LockTimeout = 60000;"
        " IF @granted < 0 RAISERROR(N'another billing migration is running', 16, 1); SET NOCOUNT OFF;",
    ),
    "sqlite": (),  # BEGIN IMMEDIATE is the lock; see engines/sqlite.py
}
_A_DAY = 24 * 3600


def prepare_migration(connection: sa.Connection) -> None:
    """Wait up to a minute for another migration to end, then keep others out; begins the transaction."""
    _be_patient(connection)
    for statement in _MIGRATION_PREAMBLES[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def _be_patient(connection: sa.Connection) -> None:
    """Let a statement take as long as it takes."""
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, ImpatientConnection):
        driver.patient = True
    elif connection.dialect.name == "mssql":
        driver.timeout = _A_DAY
