"""What the three drivers' errors mean for us: try again later, or somebody was first."""

import re
import sqlite3

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_RETRYABLE_SQLSTATES = frozenset(
    {
        "25006",  # read only: a replica, just before or after a failover
        "25P03",  # idle in transaction for too long: a process that was frozen
        "40001",  # serialization failure; SQL Server's deadlock and snapshot conflict too
        "40P01",  # deadlock
        "55P03",  # lock timeout
        "42P01", "42703",  # no such table or column: the release's migration has not run yet
        "57014",  # statement timeout, or an operator's pg_cancel_backend
        "HYT00",  # ODBC: timeout
        "HYT01",  # ODBC: connection timeout
    },
)  # fmt: skip
_RETRYABLE_SQLSTATE_CLASSES = (
    "08",  # connection lost or refused
    "53",  # out of connections, memory or disk
    "57P",  # shut down, crashed or starting up
)
_RETRYABLE_MSSQL_CODES = frozenset(
    {
        1205, 1222, 3960,  # deadlock, lock timeout, snapshot conflict
        3906,  # read only: a replica, just before or after a failover
        207, 208,  # no such column or table: the release's migration has not run yet
        701, 1105, 8645, 9002,  # out of memory, file group full, no memory grant in time, log full
        4060, 18456,  # database or login away: so a failover looks from outside, and a password being rotated
        10053, 10054, 10060, 10928, 10929,  # transport broken or timed out; Azure's worker and session limits
        40197, 40501, 40613, 49918, 49919, 49920,  # Azure: failing over, busy, not available, throttled
    },
)  # fmt: skip
_RETRYABLE_SQLITE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    },
)
_UNIQUE_SQLITE_CODES = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_UNIQUE_MSSQL_CODES = frozenset({2601, 2627})


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the fault is the database's or the network's, not its own.

    Takes SQLAlchemy's errors and the drivers' own (sqlite3, psycopg, pyodbc).
    """
    if isinstance(error, sa.exc.TimeoutError):  # every connection of the pool is in use
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = _driver_error(error)
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary code. A missing table or column has none of its own.
        return _sqlite_code(cause) & 0xFF in _RETRYABLE_SQLITE_CODES or str(cause).startswith("no such ")
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:  # no answer: no server, or none any more
        return True
    sqlstate, native_codes = _server_codes(cause)
    return (
        sqlstate in _RETRYABLE_SQLSTATES
        or sqlstate.startswith(_RETRYABLE_SQLSTATE_CLASSES)
        or not native_codes.isdisjoint(_RETRYABLE_MSSQL_CODES)
    )


def is_unique_violation(error: BaseException) -> bool:
    """Whether the row was there already: somebody else wrote it first."""
    cause = _driver_error(error)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _UNIQUE_SQLITE_CODES
    sqlstate, native_codes = _server_codes(cause)
    return sqlstate == "23505" or not native_codes.isdisjoint(_UNIQUE_MSSQL_CODES)


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)  # absent where Python, not SQLite, raised it


# "[40001] [Microsoft][…]Transaction was deadlocked… (1205) (SQLExecDirectW); [01000] […]… (3621)": each
# diagnostic ends in the server's own number. A number in brackets elsewhere may be part of a value.
_ODBC_NATIVE_CODE = re.compile(r"\((\d+)\)(?= \(SQL\w+\)|; \[|$)")


def _server_codes(error: BaseException) -> tuple[str, frozenset[int]]:
    if isinstance(error, psycopg.Error):
        return error.sqlstate or "", frozenset()
    if type(error).__module__ == "pyodbc" and error.args:  # by name: the driver is loaded on SQL Server only
        codes = _ODBC_NATIVE_CODE.findall(str(error.args[-1]))
        return str(error.args[0]), frozenset(map(int, codes))
    return "", frozenset()
