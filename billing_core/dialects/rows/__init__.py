"""Many rows in one statement, on each database by the way that costs it least."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from billing_core.dialects.rows import mssql, postgresql, sqlite
from billing_core.dialects.rows.values import GuardedRow, Values

__all__ = ["GuardedRow", "Values", "insert_rows", "update_rows"]

_WAYS = {"mssql": mssql, "postgresql": postgresql, "sqlite": sqlite}


def insert_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Values], returning: Sequence[str] = ()
) -> Sequence[tuple[Any, ...]]:
    """Insert the rows, and return the columns named of each, in any order."""
    return _WAYS[connection.dialect.name].insert(connection, table, rows, tuple(returning)) if rows else ()


def update_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[GuardedRow]) -> int:
    """Write over each row that is still as it was held, and return how many were."""
    return _WAYS[connection.dialect.name].update(connection, table, rows) if rows else 0
