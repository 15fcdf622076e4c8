"""Parts of a text, found as they are written."""

from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Position(FunctionElement[int]):
    """Where in a text a part of it begins, counted from 1; 0 if it is nowhere.

    LIKE has wildcards to be escaped, on SQL Server more of them than SQLAlchemy knows.
    """

    type = Integer()
    inherit_cache = True


@compiles(_Position, "mssql")
def _mssql_position(element: _Position, compiler: Any, **options: Any) -> str:
    text, part = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CHARINDEX({part}, {text})"


@compiles(_Position, "postgresql")
def _postgresql_position(element: _Position, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(_Position, "sqlite")
def _sqlite_position(element: _Position, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


def contains_literally(column: Any, part: str) -> ColumnElement[bool]:
    """Whether a column's text has this part."""
    return _Position(column, part) > 0
