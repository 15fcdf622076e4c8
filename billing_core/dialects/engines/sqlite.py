"""SQLite: durable, strict, and with its write lock taken where a transaction begins."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from billing_core.dialects.engines.pool import LOCK_SECONDS, pool_options


def make_engine(url: URL, pool_size: int) -> Engine:
    """Make the engine, and the directory of the file."""
    on_disk = bool(url.database) and url.database != ":memory:" and not str(url.database).startswith("file:")
    if on_disk:
        # 0o700: what Stripe sends names people. The mode holds for directories that are new.
        Path(str(url.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, **(pool_options(pool_size) if on_disk else {}))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _record: Any) -> None:
    # We write BEGIN ourselves (SQLAlchemy's recipe for sqlite3 below Python 3.12): sqlite3 would begin no
    # earlier than the first write, so that a SELECT before it, and DDL, stood outside the transaction.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {LOCK_SECONDS * 1000}",  # first: the next line may have to wait
        "journal_mode = WAL",  # readers and the one writer do not block each other
        "synchronous = FULL",  # WAL's usual NORMAL forgets the last commits on a power cut; 200 means durable
        "foreign_keys = ON",  # off by default, for compatibility with 2009
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at the start of a transaction that will need it.

    A transaction that reads first and then writes fails at once, without waiting for `busy_timeout`, where
    somebody else wrote in between.
    """
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA query_only = {int(options.get('sqlite_query_only', False))}")
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))
