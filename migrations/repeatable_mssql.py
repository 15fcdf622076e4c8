"""Alembic's SQL Server, whose script (`--sql`) makes what is missing and leaves what is there: it may be run twice."""

from typing import Any

import sqlalchemy as sa
from alembic.ddl.mssql import MSSQLImpl


class RepeatableMssql(MSSQLImpl):
    """Takes the place of Alembic's own by its name.

    A table's indexes stand in one block with it: they are made when it is. Not every server keeps an index under the
    name it was given (Babelfish does not), by which one could see whether it is there.
    """

    __dialect__ = "mssql"
    _construct: Any = None
    _block: tuple[str, ...] = ()

    def _exec(self, construct: Any, *args: Any, **options: Any) -> Any:
        if self.as_sql:
            if isinstance(construct, sa.Insert):
                construct = construct.inline()  # nobody reads what it would give back
            self._construct = construct
        return super()._exec(construct, *args, **options)

    def static_output(self, text: str) -> None:
        """Write a statement behind its condition."""
        construct, self._construct = self._construct, None
        if isinstance(construct, sa.schema.CreateIndex):
            self._block += (text,)
            return
        if self._block:
            super().static_output("\n".join((*self._block, "END;")))
            self._block = ()
        if isinstance(construct, sa.schema.CreateTable):
            self._block = (f"IF OBJECT_ID(N'[{construct.element.name}]', N'U') IS NULL", "BEGIN", text)
        elif isinstance(construct, sa.Insert):  # Alembic's note of the first revision
            absent = f"NOT EXISTS (SELECT 1 FROM [{construct.table.name}])"  # noqa: S608  (our own name)
            super().static_output(f"IF {absent}\n{text}")
        else:
            super().static_output(text)
