from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.engine.interfaces import ExecuteStyle

from billing_core.dialects.engines import nulls

INSERT = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)"


class Cursor:
    """As much of pyodbc's cursor as is used to write."""

    def __init__(self) -> None:
        self.executed: list[Any] = []
        self.sizes: Any = "told"

    def setinputsizes(self, sizes: Any) -> None:
        self.sizes = sizes

    def execute(self, statement: str, parameters: tuple[Any, ...]) -> None:
        self.executed.append((statement, parameters, self.sizes))


def writing(style: ExecuteStyle = ExecuteStyle.EXECUTE, *, isinsert: bool = True, isupdate: bool = False) -> Any:
    return SimpleNamespace(execute_style=style, isinsert=isinsert, isupdate=isupdate)


@pytest.mark.parametrize(
    ("parameters", "written"),
    [
        ((None, 1, "x"), ("INSERT INTO t (a, b, c) VALUES (NULL, ?, ?)", (1, "x"))),
        ((1, "?", None), ("INSERT INTO t (a, b, c) VALUES (?, ?, NULL)", (1, "?"))),
        ((None, None, None), ("INSERT INTO t (a, b, c) VALUES (NULL, NULL, NULL)", ())),
        ((0, "", False), (INSERT, (0, "", False))),
    ],
)
def test_null_stands_in_the_statement(parameters: tuple[Any, ...], written: Any) -> None:
    assert nulls.without_nulls(INSERT, parameters) == written


def test_statement_with_a_question_mark_of_its_own_stays() -> None:
    statement = "UPDATE t SET a = ?, b = 'why?' WHERE c = ?"
    assert nulls.without_nulls(statement, (None, 1)) == (statement, (None, 1))


def test_sizes_told_by_places_are_dropped_with_the_places() -> None:
    cursor = Cursor()
    assert nulls._execute(cursor, INSERT, (None, 1, "x"), writing())
    assert cursor.executed == [("INSERT INTO t (a, b, c) VALUES (NULL, ?, ?)", (1, "x"), None)]


def test_rows_are_written_one_after_the_other() -> None:
    cursor = Cursor()
    assert nulls._execute_each(cursor, INSERT, [(1, 2, 3), (1, None, 3)], writing(isinsert=False, isupdate=True))
    assert cursor.executed == [(INSERT, (1, 2, 3), None), ("INSERT INTO t (a, b, c) VALUES (?, NULL, ?)", (1, 3), None)]


def test_rows_of_a_derived_table_keep_their_parameters() -> None:
    """A column of NULLs alone would count as INT there."""
    cursor = Cursor()
    assert not nulls._execute(cursor, INSERT, (None, 1, "x"), writing(ExecuteStyle.INSERTMANYVALUES))
    assert cursor.executed == []


def test_what_has_no_null_or_reads_is_left_to_sqlalchemy() -> None:
    cursor = Cursor()
    assert not nulls._execute(cursor, INSERT, (1, 2, 3), writing())
    assert not nulls._execute_each(cursor, INSERT, [(1, 2, 3)], writing())
    assert not nulls._execute(cursor, "SELECT ?", (None,), writing(isinsert=False))
    assert not nulls._execute_each(cursor, "DELETE FROM t WHERE a = ?", [(None,)], writing(isinsert=False))
    assert cursor.executed == []
