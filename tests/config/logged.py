"""Every line that the code can log, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("billing_core", "config", "ingest", "migrations", "workers")

_LEVELS = {"debug", "info", "warning", "error", "exception"}
OPEN = "…"  # there are more fields, whose names are not known from the source


class Line(NamedTuple):
    """A call of a logger: `log.warning("event.postponed", event_id=…)`."""

    event: str
    level: str
    fields: frozenset[str]
    place: str


def lines_of_the_code() -> Iterator[Line]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and _logs(node):
                    yield _line(node, f"{file.relative_to(ROOT)}:{node.lineno}")


def _logs(call: ast.Call) -> bool:
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr in _LEVELS):
        return False
    return isinstance(function.value, ast.Name) and function.value.id in {"log", "logger"}


def _line(call: ast.Call, place: str) -> Line:
    assert isinstance(call.func, ast.Attribute)
    assert len(call.args) == 1, place
    event = call.args[0]
    assert isinstance(event, ast.Constant), f"{place}: the name of a line stands in the call"
    fields = {keyword.arg or OPEN for keyword in call.keywords}
    level = call.func.attr
    if level == "exception" or "exc_info" in fields:
        level, fields = "error", fields - {"exc_info"} | {"exception"}
    return Line(str(event.value), level, frozenset(fields), place)
