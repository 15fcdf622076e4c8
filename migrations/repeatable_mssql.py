"""Alembic's SQL Server, whose script (`--sql`) makes what is missing and leaves what is there: it may be run twice."""

from typing import Any

import sqlalchemy as sa
from alembic.ddl.mssql import MSSQLImpl


class RepeatableMssql(MSSQLImpl):
    """Takes the place of Alembic's own by its name."""

    __dialect__ = "mssql"
    _guard = ""

    def _exec(self, construct: Any, *args: Any, **options: Any) -> Any:
        if self.as_sql:
            self._guard = _guard(construct)
            if isinstance(construct, sa.Insert):
                construct = construct.inline()  # nobody reads what it would give back
        return super()._exec(construct, *args, **options)

    def static_output(self, text: str) -> None:
        """Write a statement behind its condition."""
        super().static_output(f"IF {self._guard}\n{text}" if self._guard else text)
        self._guard = ""


def _guard(construct: Any) -> str:
    if isinstance(construct, sa.schema.CreateTable):
        return f"OBJECT_ID(N'[{construct.element.name}]', N'U') IS NULL"
    if isinstance(construct, sa.schema.CreateIndex):
        index: Any = construct.element
        found = f"name = N'{index.name}' AND object_id = OBJECT_ID(N'[{index.table.name}]', N'U')"
        return f"NOT EXISTS (SELECT 1 FROM sys.indexes\n    WHERE {found})"  # noqa: S608  (our own names)
    if isinstance(construct, sa.Insert):  # Alembic's note of the first revision
        return f"NOT EXISTS (SELECT 1 FROM [{construct.table.name}])"  # noqa: S608  (the same)
    return ""
