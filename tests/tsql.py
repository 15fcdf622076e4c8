"""Every statement that tests execute on SQLite, compiled for SQL Server as well, and read by a T-SQL parser."""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Self, TypeVar

import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.engine.interfaces import ExecuteStyle, ExecutionContext
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.elements import ReleaseSavepointClause, RollbackToSavepointClause, SavepointClause
from sqlglot import exp
from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from billing_core.dialects import rows

T = TypeVar("T")

MOST_PARAMETERS = 2100  # of one statement

# What SQL Server does not know, or what not every server that speaks T-SQL knows; "#" begins a temporary table's name.
_FORBIDDEN = {"LIMIT", "RETURNING", "MERGE", "ILIKE", "CONFLICT", "WAITFOR", "TRUE", "FALSE", "||", "::", "#"}
_NOT_CODE = {TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.IDENTIFIER}
_SAVEPOINTS = (SavepointClause, RollbackToSavepointClause, ReleaseSavepointClause)  # sqlglot does not know them
_DIALECT: Any = MSDialect_pyodbc()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy 2.1
_DIALECT.dbapi = SimpleNamespace(BinaryNull=None)  # the driver itself needs unixODBC


class Statements:
    """What is wrong with the statements that were executed, each looked at once."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.heard: set[str] = set()
        """All that SQL Server would have been told."""
        self._seen: set[tuple[str, ExecuteStyle]] = set()

    def listen(self) -> None:
        """Look at whatever any engine of this process executes from now on."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._look)
        # Written by hand for each database: what SQL Server would be told is asked of its own writer.
        both = SimpleNamespace(insert=self._also(rows.sqlite.insert, rows.mssql.insert))
        both.update = self._also(rows.sqlite.update, rows.mssql.update)
        vars(rows)["_WAYS"]["sqlite"] = both

    def hear(self, sql: str, parameters: int) -> None:
        """Look at what SQL Server would be told."""
        if parameters > MOST_PARAMETERS:
            self.wrong.append(f"{parameters} parameters: {sql}")
        if sql not in self.heard:
            self.heard.add(sql)
            self.wrong += faults_of(sql)

    def _look(
        self, connection: sa.Connection, _cursor: Any, _sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if connection.dialect.name != "sqlite" or context.compiled is None or context.isddl:
            return
        if isinstance(context.compiled.statement, _SAVEPOINTS):
            return
        # SQLAlchemy divides an INSERT of many rows by itself.
        count = 0 if many or context.isinsert else len(parameters)
        spelled = context.compiled.string, context.execute_style
        if spelled in self._seen and count <= MOST_PARAMETERS:
            return
        self._seen.add(spelled)
        try:
            self.hear(_in_tsql(context), count)
        except CompileError as error:
            self.wrong.append(f"cannot be compiled for SQL Server ({error}): {spelled}")

    def _also(self, here: Callable[..., T], there: Callable[..., object]) -> Callable[..., T]:
        def write(connection: sa.Connection, *told: Any) -> T:
            there(_Ear(self), *told)
            return here(connection, *told)

        return write


class _Ear:
    """As much of a connection to SQL Server as those need who write rows; nothing is changed, and nothing found."""

    dialect = _DIALECT
    rowcount = 0

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def exec_driver_sql(self, sql: str, parameters: Sequence[Any]) -> Self:
        self._statements.hear(sql, len(parameters))
        return self

    def all(self) -> Sequence[Any]:
        return ()


def _in_tsql(context: ExecutionContext) -> str:
    """Compile for SQL Server what was compiled for another database."""
    here: Any = context.compiled
    there: Any = here.statement.compile(
        dialect=_DIALECT,
        column_keys=here.column_keys,
        for_executemany=here.for_executemany,
        compile_kwargs={"render_postcompile": True},
    )
    many = there._insertmanyvalues if context.execute_style is ExecuteStyle.INSERTMANYVALUES else None
    if many and many.embed_values_counter:
        raise CompileError("the ORM sorts the new IDs by INSERT … SELECT … ORDER BY; give it rows, not objects")
    return str(there)


def faults_of(sql: str) -> Iterator[str]:
    """Say what not every SQL Server would take."""
    try:
        statements = sqlglot.parse(sql, dialect=TSQL)
    except SqlglotError as error:
        yield f"no T-SQL ({error}): {sql}"
        return
    tokens = TSQL().tokenize(sql)
    found = {token.text.upper() for token in tokens if token.token_type not in _NOT_CODE} & _FORBIDDEN
    for part in (part for statement in statements if statement for part in statement.walk()):
        if isinstance(part, exp.WithTableHint):
            found.add("a lock hint")
        if isinstance(part, exp.Command):
            found.add("what sqlglot cannot read")
        if isinstance(part, (exp.Update, exp.Delete)) and part.find(exp.With):
            found.add("a change through WITH")
    yield from (f"{fault} is not for every SQL Server: {sql}" for fault in sorted(found))
