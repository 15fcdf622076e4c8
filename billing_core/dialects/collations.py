"""Does the database itself compare Stripe's IDs byte by byte, whatever the migration once said?"""

from collections.abc import Iterable

import sqlalchemy as sa

from billing_core.dialects.column_types import BINARY_COLLATIONS, StripeId

# All tables at once: reflecting them one by one takes a server seconds each. Written in capitals, as a SQL Server
# whose own catalog is case-sensitive wants it.
_COLLATIONS = sa.text(
    "SELECT TABLE_NAME, COLUMN_NAME, COLLATION_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = :schema"
)


def ids_compared_loosely(connection: sa.Connection, tables: Iterable[sa.Table]) -> list[str]:
    """Return the columns of Stripe's IDs that have no binary collation."""
    dialect = connection.dialect
    if dialect.name == "sqlite":  # compares bytes unless told otherwise, and reports no collation
        return []
    # Babelfish tells names in small letters.
    found = {
        (table.lower(), column.lower()): collation
        for table, column, collation in connection.execute(_COLLATIONS, {"schema": dialect.default_schema_name})
    }
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if isinstance(column.type, StripeId)
        and not _is_binary(found.get((table.name.lower(), column.name.lower())), dialect.name)
    ]


def _is_binary(collation: str | None, dialect: str) -> bool:
    """Whether it compares code points: on SQL Server each _BIN2 does, whatever its language."""
    if dialect == "mssql":
        return (collation or "").upper().endswith("_BIN2")
    return collation == BINARY_COLLATIONS[dialect]
