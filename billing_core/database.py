"""The engine, tuned per database, and the two kinds of transaction that the product knows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker

from billing_core.dialects import ImpatientConnection

# An event's transaction takes milliseconds. Who waits 5 s waits for something stuck: give up, be retried.
_CONNECT_SECONDS = 5
_LOCK_SECONDS = 5
# Must end before the broker hands the message to another worker (visibility timeout, 45 s).
_STATEMENT_SECONDS = 30

_WRITE = {"sqlite_begin": "BEGIN IMMEDIATE"}
_READ = {"sqlite_query_only": True, "postgresql_readonly": True}


def create_engine_for(url: str, *, pool_size: int) -> Engine:
    """Make the engine for one process; it connects when first used.

    SQL Server by pyodbc, PostgreSQL by psycopg, or SQLite, whose file's directory is made if missing.

    Args:
        url: as in DATABASE_URL.
        pool_size: the most connections at a time, one for each thread that works with the database.
    """
    parsed = _with_our_driver(make_url(url))
    return _ENGINES[parsed.get_backend_name()](parsed, pool_size)


class Database:
    """Where a unit of work gets its session: `read` looks, `write` commits when the block ends.

    A thread uses one session at a time, so that a pool as large as the number of threads is enough. A process
    that forks makes its own Database afterwards: connections do not survive a fork.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Rows stay readable after the commit, when no transaction is left to load them again.
        self._writers = sessionmaker(engine.execution_options(**_WRITE), expire_on_commit=False)
        self._readers = sessionmaker(engine.execution_options(**_READ), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Look, and commit nothing. SQLite and PostgreSQL refuse a write here."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Commit when the block ends, roll back when it raises."""
        with self._writers.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _with_our_driver(url: URL) -> URL:
    """Accept what hosting platforms put into DATABASE_URL, which name no driver, or psycopg2's."""
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def _pool_options(pool_size: int) -> dict[str, Any]:
    return {
        "pool_size": pool_size,
        "max_overflow": 0,  # the database's connection limit is divided among processes: keep to the share
        "pool_timeout": _CONNECT_SECONDS,
        "pool_pre_ping": True,  # a failover leaves dead connections in the pool
        "hide_parameters": True,  # they are personal data, and errors end up in logs and dead letters
    }


def _sqlite_engine(url: URL, pool_size: int) -> Engine:
    on_disk = bool(url.database) and url.database != ":memory:" and not str(url.database).startswith("file:")
    if on_disk:
        # 0o700: what Stripe sends names people. The mode holds for directories that are new.
        Path(str(url.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, **(_pool_options(pool_size) if on_disk else {}))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    # We write BEGIN ourselves (SQLAlchemy's recipe for sqlite3 below Python 3.12): sqlite3 would begin no
    # earlier than the first write, so that a SELECT before it, and DDL, stood outside the transaction.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_LOCK_SECONDS * 1000}",  # first: the next line may have to wait
        "journal_mode = WAL",  # readers and the one writer do not block each other
        "synchronous = FULL",  # WAL's usual NORMAL forgets the last commits on a power cut; 200 means durable
        "foreign_keys = ON",  # off by default, for compatibility with 2009
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a transaction that will need it.

    A transaction that reads first and then writes fails at once, without waiting for `busy_timeout`, where
    somebody else wrote in between.
    """
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA query_only = {int(options.get('sqlite_query_only', False))}")
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))


_POSTGRESQL_SESSION = {
    "timezone": "UTC",
    "lock_timeout": f"{_LOCK_SECONDS}s",
    "statement_timeout": f"{_STATEMENT_SECONDS}s",
    # A process that is frozen or cut off in mid-transaction must not hold its rows for long. Ours take milliseconds,
    # and those behind such a one are promised within a minute.
    "idle_in_transaction_session_timeout": "20s",
}


def _postgresql_engine(url: URL, pool_size: int) -> Engine:
    ours = " ".join(f"-c {name}={value}" for name, value in _POSTGRESQL_SESSION.items())
    theirs = url.query.get("options", "")  # the last one wins: who runs the database knows better
    connect_args = {
        "connect_timeout": _CONNECT_SECONDS,
        "options": f"{ours} {theirs}".strip(),
        "application_name": "billing",
        # A host that vanished answers nothing at all: notice after half a minute, not after two hours.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    url = url.difference_update_query(["options"])
    missing = {name: value for name, value in connect_args.items() if name not in url.query}
    engine = create_engine(url, connect_args=missing, **_pool_options(pool_size))
    event.listen(engine, "do_connect", _connect_impatiently)
    return engine


def _connect_impatiently(_dialect: Any, _record: Any, args: Any, parameters: Any) -> DBAPIConnection:
    return ImpatientConnection.connect(*args, **parameters)  # type: ignore[return-value]  # psycopg's is wider


def _mssql_engine(url: URL, pool_size: int) -> Engine:
    if "LongAsMax" not in url.query:
        # EventData exceeds 4,000 characters: the driver is to send it as NVARCHAR(MAX), not as NTEXT.
        url = url.update_query_dict({"LongAsMax": "Yes"})
    # fast_executemany stays off: it reserves room for the longest NVARCHAR(MAX) in every row, our batches are
    # small, and SQLAlchemy's insertmanyvalues serves ORM inserts without it. FreeTDS instead of Microsoft's
    # driver would need use_setinputsizes=False.
    engine = create_engine(url, connect_args={"timeout": _CONNECT_SECONDS}, **_pool_options(pool_size))
    engine.dialect.dbapi.pooling = False  # type: ignore[union-attr]  # one pool is enough: SQLAlchemy's
    event.listen(engine, "connect", _prepare_mssql)
    return engine


def _prepare_mssql(connection: DBAPIConnection, _record: Any) -> None:
    connection.timeout = _STATEMENT_SECONDS
    connection.execute(f"SET LOCK_TIMEOUT {_LOCK_SECONDS * 1000}")
    connection.commit()


_ENGINES: dict[str, Callable[[URL, int], Engine]] = {
    "sqlite": _sqlite_engine,
    "postgresql": _postgresql_engine,
    "mssql": _mssql_engine,
}
