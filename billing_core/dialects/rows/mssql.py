"""SQL Server gets the rows as lists of VALUES.

pyodbc would send row after row, and count none of those that it changed: https://github.com/mkleehammer/pyodbc/issues/481
JSON in one parameter, as for PostgreSQL, needs OPENJSON, which a database of an older compatibility level lacks.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.mssql.pyodbc import dialect as pyodbc_dialect

from billing_core.dialects.rows.values import GuardedRow, Values, as_driven

# SQL Server takes 2,100 parameters and 1,000 rows of VALUES; the driver needs a few of the parameters for itself.
MOST_PARAMETERS = 2090
MOST_ROWS = 1000

T = TypeVar("T")

_DIALECT: sa.Dialect = pyodbc_dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy 2.1


def insert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Values], returning: tuple[str, ...]
) -> Sequence[tuple[Any, ...]]:
    """Insert the rows, and return the columns named of each."""
    names = tuple(rows[0])
    given_back = list[tuple[Any, ...]]()
    for chunk in _chunks(rows, len(names)):
        values = [as_driven(table, connection.dialect, row).values() for row in chunk]
        statement = _insert(table, names, returning, len(chunk))
        result = connection.exec_driver_sql(statement, _parameters(connection, values))
        given_back += result.all() if returning else ()
    return given_back


def update(connection: sa.Connection, table: sa.Table, rows: Sequence[GuardedRow]) -> int:
    """Write over each row that is still as it was held, and return how many were."""
    held, new = rows[0].columns
    changed = 0
    for chunk in _chunks(rows, len(held) + len(new)):
        values = [as_driven(table, connection.dialect, part).values() for row in chunk for part in row]
        statement = _update(table, held, new, len(chunk))
        changed += connection.exec_driver_sql(statement, _parameters(connection, values)).rowcount
    return changed


def _chunks(rows: Sequence[T], columns: int) -> Iterator[Sequence[T]]:
    size = min(MOST_ROWS, MOST_PARAMETERS // columns)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _parameters(connection: sa.Connection, rows: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """Return all values as texts, which each column's CAST reads.

    For a None, pyodbc asks the server for the types of the statement's parameters; for its `BinaryNull` it does not.
    """
    null = connection.dialect.loaded_dbapi.BinaryNull
    return tuple(null if value is None else _text(value) for row in rows for value in row)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


@lru_cache
def _insert(table: sa.Table, names: tuple[str, ...], returning: tuple[str, ...], rows: int) -> str:
    output = f" OUTPUT {', '.join(f'inserted.[{name}]' for name in returning)}" if returning else ""
    return (
        f"INSERT INTO [{table.name}] ({', '.join(f'[{name}]' for name in names)}){output}"  # noqa: S608  (our own names)
        f" SELECT {', '.join(_typed(table, name) for name in names)} FROM {_told(names, rows)}"
    )


@lru_cache
def _update(table: sa.Table, held: tuple[str, ...], new: tuple[str, ...], rows: int) -> str:
    ours = f"[{table.name}]"
    guard = (f"{ours}.[{name}] = {_held(table, name)}" for name in held)
    names = (*(f"held_{name}" for name in held), *new)
    return (
        f"UPDATE {ours} SET {', '.join(f'[{name}] = {_typed(table, name)}' for name in new)}"  # noqa: S608
        f" FROM {ours} INNER JOIN {_told(names, rows)} ON {' AND '.join(guard)}"
    )


def _told(names: Sequence[str], rows: int) -> str:
    """Return the rows told; the first tells the type of all."""
    first = ", ".join(["CAST(? AS NVARCHAR(MAX))"] * len(names))
    others = f", ({', '.join('?' * len(names))})" * (rows - 1)
    return f"(VALUES ({first}){others}) AS told ({', '.join(f'[{name}]' for name in names)})"


def _held(table: sa.Table, name: str) -> str:
    """Return what to compare: of the column's own length, or its index would go unused, and byte by byte."""
    type_, _, collation = table.c[name].type.compile(_DIALECT).partition(" COLLATE ")
    return f"CAST(told.[held_{name}] AS {type_})" + (f" COLLATE {collation}" if collation else "")


def _typed(table: sa.Table, name: str) -> str:
    spelled = table.c[name].type.compile(_DIALECT)
    # A text goes in as it is, so that the column refuses one that is too long.
    return f"told.[{name}]" if spelled.startswith("NVARCHAR") else f"CAST(told.[{name}] AS {spelled})"
