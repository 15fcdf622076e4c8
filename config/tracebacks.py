"""Tracebacks for the log: where it failed and with what kind of error, without words that may quote a person's data."""

import traceback
from collections.abc import Iterator
from types import TracebackType

# What these say holds what they choked on: a row with all its columns, a parameter, what a user typed into a form.
_QUOTING = frozenset({"msgspec", "psycopg", "pydantic", "pydantic_core", "pyodbc", "sqlalchemy", "sqlite3", "stripe"})
_QUOTING_BUILTINS = (ValueError, LookupError)

# Our own errors name IDs, and are written to be read in the log.
_OURS = frozenset({"billing_core", "config", "ingest", "migrations", "workers"})

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def format_quietly(exc_info: ExcInfo) -> str:
    """Return the traceback as Python prints it, but of an error that quotes only its class.

    The whole text is in the dead letter, in the database, where the payload is, too.
    """
    return "".join(_chain(exc_info[1])).rstrip("\n")


def _chain(error: BaseException) -> Iterator[str]:
    """Begin with what came first."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
        yield "\nThe above exception was the direct cause of the following exception:\n\n"
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _chain(error.__context__)
        yield "\nDuring handling of the above exception, another exception occurred:\n\n"
    yield from _one(error)


def _one(error: BaseException) -> Iterator[str]:
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{_name(type(error))}{_words(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _chain(part)


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _words(error: BaseException) -> str:
    if _quotes(type(error)):
        return ""
    text = str(error)
    return f": {text}" if text else ""


def _quotes(kind: type[BaseException]) -> bool:
    roots = {cls.__module__.partition(".")[0] for cls in kind.__mro__}
    return not roots & _OURS and (bool(roots & _QUOTING) or issubclass(kind, _QUOTING_BUILTINS))
