"""What is written as NULL stands in the statement itself.

For a None, pyodbc asks the server to describe the statement's parameters: a round trip, which some T-SQL servers fail
and over which they give up the transaction (Babelfish, where an UPDATE names its columns with their table).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExecuteStyle

_PLACE = "?"


def write_nulls_out(engine: Engine) -> None:
    """Have the engine send no None among the parameters of an INSERT or UPDATE."""
    event.listen(engine, "do_execute", _execute)
    event.listen(engine, "do_executemany", _execute_each)


def without_nulls(statement: str, parameters: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """Write NULL where a parameter is None; a statement that has other question marks stays as it is."""
    parts = statement.split(_PLACE)
    if None not in parameters or len(parts) != len(parameters) + 1:
        return statement, tuple(parameters)
    places = ("NULL" if value is None else _PLACE for value in parameters)
    written = parts[0] + "".join(place + part for place, part in zip(places, parts[1:], strict=True))
    return written, tuple(value for value in parameters if value is not None)


def _execute(cursor: Any, statement: str, parameters: Sequence[Any], context: Any) -> bool:
    if not _writes(context) or None not in parameters:
        return False
    cursor.setinputsizes(None)  # told by places, which are others now; pyodbc sees what type a value has
    cursor.execute(*without_nulls(statement, parameters))
    return True


def _execute_each(cursor: Any, statement: str, rows: Sequence[Sequence[Any]], context: Any) -> bool:
    """Do what pyodbc's own `executemany` does: a round trip a row."""
    if not _writes(context) or all(None not in row for row in rows):
        return False
    cursor.setinputsizes(None)
    for row in rows:
        cursor.execute(*without_nulls(statement, row))
    return True


def _writes(context: Any) -> bool:
    # Many rows in one INSERT stand in a derived table, where a column of NULLs alone would count as INT, and SQL Server
    # makes no DATETIME2 of that (error 206).
    one_row_a_time = context.execute_style is not ExecuteStyle.INSERTMANYVALUES
    return bool((context.isinsert or context.isupdate) and one_row_a_time)
