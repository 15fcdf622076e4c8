"""SQLite has no network to cross, and runs a prepared statement for row after row."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from billing_core.dialects.rows.values import GuardedRow, Values


def insert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Values], returning: tuple[str, ...]
) -> Sequence[tuple[Any, ...]]:
    """Insert the rows, and return the columns named of each."""
    statement = sa.insert(table)
    if not returning:
        connection.execute(statement, list(rows))
        return ()
    return connection.execute(statement.returning(*(table.c[name] for name in returning)), list(rows)).all()


def update(connection: sa.Connection, table: sa.Table, rows: Sequence[GuardedRow]) -> int:
    """Write over each row that is still as it was held, and return how many were."""
    told = [
        {f"held_{name}": value for name, value in row.held.items()}
        | {f"new_{name}": value for name, value in row.new.items()}
        for row in rows
    ]
    return connection.execute(_update(table, *rows[0].columns), told).rowcount


@cache
def _update(table: sa.Table, held: tuple[str, ...], new: tuple[str, ...]) -> sa.Update:
    guard = (table.c[name] == sa.bindparam(f"held_{name}") for name in held)
    return sa.update(table).where(*guard).values({table.c[name]: sa.bindparam(f"new_{name}") for name in new})
