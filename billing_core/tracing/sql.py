"""Spans of SQL statements: what was done to which table. Neither the statement nor its parameters are in them."""

import re
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, event

from billing_core.tracing.spans import fail, in_a_trace

# By the names of https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/
_SYSTEMS = {"mssql": "microsoft.sql_server"}
_TABLE = re.compile(r"\b(?:INTO|FROM|UPDATE|MERGE)\s+(?:\w+\.)?[\"\[]?([A-Za-z]\w+)", re.IGNORECASE)
_SETTING_UP = frozenset({"BEGIN", "PRAGMA"})  # what SQLite's engine sends before every transaction
_SPAN = "billing_span"

_tracer = trace.get_tracer("billing")


def trace_statements(engine: Engine) -> None:
    """Make a span of each statement that is sent on behalf of something traced."""
    event.listen(engine, "before_cursor_execute", _begin)
    event.listen(engine, "after_cursor_execute", _end)
    event.listen(engine, "handle_error", _fail)


def _begin(connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:  # noqa: FBT001  (SQLAlchemy's signature)
    operation = statement.split(None, 1)[0].upper()
    if operation in _SETTING_UP or context is None or not in_a_trace():
        return
    table = _TABLE.search(statement)
    attributes = {
        "db.system.name": _SYSTEMS.get(connection.dialect.name, connection.dialect.name),
        "db.operation.name": operation,
    }
    if table:
        attributes["db.collection.name"] = table[1]
    name = f"{operation} {table[1]}" if table else operation
    setattr(context, _SPAN, _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))


def _end(_connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: bool) -> None:  # noqa: FBT001
    if made := getattr(context, _SPAN, None):
        made.end()


def _fail(failure: Any) -> None:
    if made := getattr(failure.execution_context, _SPAN, None):
        fail(made, failure.original_exception)
        made.end()
