"""How SQL Server, whose words the specification uses, spells a column of our models."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql

_DIALECT: sa.Dialect = mssql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy 2.1


def type_on_sql_server(column: sa.Column[Any]) -> str:
    """Return its type, without the collation."""
    spelled = column.type.compile(dialect=_DIALECT).upper()
    return spelled.replace("INTEGER", "INT").replace(" COLLATE LATIN1_GENERAL_BIN2", "")


def default_on_sql_server(column: sa.Column[Any]) -> str | None:
    """Return its default as the specification writes it; None without one."""
    ddl = str(sa.schema.CreateColumn(column).compile(dialect=_DIALECT))
    _, _, default = ddl.partition(" DEFAULT ")
    return default.replace("sysutcdatetime()", "now") or None
