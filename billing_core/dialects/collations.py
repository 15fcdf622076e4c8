"""Does the database itself compare Stripe's IDs byte by byte, whatever the migration once said?"""

from collections.abc import Iterable

import sqlalchemy as sa

from billing_core.dialects.column_types import BINARY_COLLATIONS, StripeId


def ids_compared_loosely(connection: sa.Connection, tables: Iterable[sa.Table]) -> list[str]:
    """Return the columns of Stripe's IDs that have another collation than ours."""
    dialect = connection.dialect.name
    if dialect == "sqlite":  # compares bytes unless told otherwise, and reports no collation
        return []
    inspector = sa.inspect(connection)
    return [
        f"{table.name}.{column['name']}"
        for table in tables
        if (ids := {column.name for column in table.columns if isinstance(column.type, StripeId)})
        for column in inspector.get_columns(table.name)
        if column["name"] in ids and getattr(column["type"], "collation", None) != BINARY_COLLATIONS[dialect]
    ]
