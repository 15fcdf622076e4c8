"""The engine, tuned for each database."""

from collections.abc import Callable

from sqlalchemy import URL, Engine, make_url

from billing_core.dialects.engines import mssql, postgresql, sqlite

__all__ = ["READING", "WRITING", "create_engine_for", "require_driver"]

WRITING = {"sqlite_begin": "BEGIN IMMEDIATE"}
"""Execution options of transactions that write."""

READING = {"sqlite_query_only": True, "postgresql_readonly": True}
"""Execution options of transactions that only look; SQLite and PostgreSQL refuse a write in them."""

_MAKERS: dict[str, Callable[[URL, int], Engine]] = {
    "mssql": mssql.make_engine,
    "postgresql": postgresql.make_engine,
    "sqlite": sqlite.make_engine,
}


def create_engine_for(url: str, *, pool_size: int) -> Engine:
    """Make the engine for one process; it connects when first used.

    SQL Server by pyodbc, PostgreSQL by psycopg, or SQLite, whose file's directory is made if missing.

    Args:
        url: as in DATABASE_URL.
        pool_size: the most connections at a time, one for each thread that works with the database.

    Raises:
        OdbcMissing: it is SQL Server, and what it takes to speak to it is not installed.
    """
    parsed = _with_our_driver(make_url(url))
    return _MAKERS[parsed.get_backend_name()](parsed, pool_size)


def require_driver(url: str) -> None:
    """Refuse the start of a process that could not speak to its database; nothing connects.

    Raises:
        OdbcMissing: it is SQL Server, and what it takes to speak to it is not installed.
    """
    create_engine_for(url, pool_size=1)


def _with_our_driver(url: URL) -> URL:
    """Accept what hosting platforms put into DATABASE_URL, which name no driver, or psycopg2's."""
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url
