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
        "HY008",  # ODBC: canceled
        "HYT00",  # ODBC: timeout
        "HYT01",  # ODBC: connection timeout
    },
)  # fmt: skip
_RETRYABLE_SQLSTATE_CLASSES = (
    "08",  # connection lost or refused
    "53",  # out of connections, memory or disk
    "57P",  # shut down, crashed or starting up
)
# Microsoft's lists: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues and Entity
# Framework's SqlServerTransientExceptionDetector, without what only other kinds of statements can meet.
_LOST_MSSQL_CODES = frozenset(
    {
        64, 121, 233, 10053, 10054, 10060,  # transport broken or timed out
        596, 6005,  # session killed, server shutting down
        615, 921, 922, 926, 927, 942, 952, 4221,  # database not there (yet): recovering, restored, failing over
        976, 978, 983, 3906,  # a replica that cannot be read, or written, just before or after a failover
        40197, 40613,  # Azure: failing over; whoever reconnects gets to the healthy copy
        20004, 20006, 20017, 20047,  # FreeTDS's own: read or write failed, end of file, connection dead
    },
)  # fmt: skip
_LOCK_TIMEOUT = 1222
_NOTHING_TO_ROLL_BACK = 3903
# Babelfish, a PostgreSQL that speaks T-SQL, has one number for all errors that it did not translate.
_BABELFISH_UNTRANSLATED = 33557097
_BABELFISH_WORDS = {
    "]canceling statement due to lock timeout (": _LOCK_TIMEOUT,
    ']relation "': 208,
    ']column "': 207,
}
# All that FreeTDS says when the server has closed the connection; at a commit pyodbc says it.
_FREETDS_AT_A_LOSS = ("[FreeTDS][SQL Server]Unknown error (0)", "The driver did not supply an error!")
_RETRYABLE_MSSQL_CODES = _LOST_MSSQL_CODES | frozenset(
    {
        1205, _LOCK_TIMEOUT, 3960, 3966,  # deadlock, lock timeout, snapshot conflict, version store full
        207, 208,  # no such column or table: the release's migration has not run yet
        701, 1105, 1204, 8628, 8645, 8651, 9002, 40544,  # out of memory, disk, locks or log
        10922, 10928, 10929, 10936, 40501, 49918, 49919, 49920,  # Azure: too busy
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
        or _while_connecting(cause)
    )


def is_unique_violation(error: BaseException) -> bool:
    """Whether the row was there already: somebody else wrote it first."""
    cause = _driver_error(error)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _UNIQUE_SQLITE_CODES
    sqlstate, native_codes = _server_codes(cause)
    return sqlstate == "23505" or not native_codes.isdisjoint(_UNIQUE_MSSQL_CODES)


def loses_connection(error: BaseException) -> bool | None:
    """Whether the connection on which it happened is of no use any more; None where SQLAlchemy knows it better.

    Takes pyodbc's errors.
    """
    sqlstate, native_codes = _server_codes(error)
    if _LOCK_TIMEOUT in native_codes:  # Microsoft's driver gives it the state of a timeout of its own, HYT00
        return False
    if sqlstate.startswith("08") or not native_codes.isdisjoint(_LOST_MSSQL_CODES):
        return True
    return True if any(word in str(error) for word in _FREETDS_AT_A_LOSS) else None


def is_rolled_back(error: BaseException) -> bool:
    """Whether a rollback was refused because the server had rolled the transaction back already.

    Takes pyodbc's errors.
    """
    return _NOTHING_TO_ROLL_BACK in _server_codes(error)[1]


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
        text = str(error.args[-1])
        codes = frozenset(map(int, _ODBC_NATIVE_CODE.findall(text)))
        if _BABELFISH_UNTRANSLATED in codes:
            codes |= {code for words, code in _BABELFISH_WORDS.items() if words in text}
        return str(error.args[0]), codes
    return "", frozenset()


def _while_connecting(error: BaseException) -> bool:
    """Whether no connection came about: whatever the server's reason, it is not the work's fault."""
    return type(error).__module__ == "pyodbc" and "(SQLDriverConnect)" in str(error)
