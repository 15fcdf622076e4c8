"""Does the database itself compare Stripe's IDs byte by byte, whatever the migration once said?"""

from collections.abc import Iterable

import sqlalchemy as sa

from billing_core.dialects.column_types import BINARY_COLLATIONS, StripeId


def ids_compared_loosely(connection: sa.Connection, tables: Iterable[sa.Table]) -> list[str]:
    """Return the columns of Stripe's IDs that have no binary collation."""
    dialect = connection.dialect.name
    if dialect == "sqlite":  # compares bytes unless told otherwise, and reports no collation
        return []
    inspector = sa.inspect(connection)
    return [
        f"{table.name}.{column.name}"
        for table in tables
        if (ids := [column for column in table.columns if isinstance(column.type, StripeId)])
        and (found := _collations(inspector, table))
        for column in ids
        if not _is_binary(found.get(column.name.lower()), dialect)
    ]


def _is_binary(collation: str | None, dialect: str) -> bool:
    """Whether it compares code points: on SQL Server each _BIN2 does, whatever its language."""
    if dialect == "mssql":
        return (collation or "").upper().endswith("_BIN2")
    return collation == BINARY_COLLATIONS[dialect]


def _collations(inspector: sa.Inspector, table: sa.Table) -> dict[str, str | None]:
    """Return them by the columns' names in small letters, which is how Babelfish tells them."""
    columns = inspector.get_columns(table.name)
    return {column["name"].lower(): getattr(column["type"], "collation", None) for column in columns}
