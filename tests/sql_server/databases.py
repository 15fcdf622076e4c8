"""Databases for tests on a server that is not ours.

Where the login may make databases, each process makes its own, and removes them. Where it may not, or where the server
holds one only (Babelfish in its single-db mode), tests take turns with the database that the URL names.
"""

import fcntl
import hashlib
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import tenacity
from sqlalchemy.exc import DBAPIError

import migrations
from tests.sql_server import VARIABLE, SqlServerUnusable, address_of, connected, with_password

_IN_USE = 10  # s, for which a server may count the connections of a process that was killed
_MARK = "emptied_by_billing_tests"  # a schema: what is in a database that has it, tests have made


class Databases(Protocol):
    """Where tests get a database's URL from."""

    def empty(self) -> AbstractContextManager[str]:
        """Give a database without tables."""

    def migrated(self) -> AbstractContextManager[str]:
        """Give a migrated database, with whatever rows another test left in it."""

    def close(self) -> list[str]:
        """Remove what was made; return the names of the databases that could not be removed."""


@contextmanager
def databases_at(url: sa.URL) -> Iterator[Databases]:
    """Give what the server allows.

    Raises:
        SqlServerUnusable: it allows none, and the URL names none that is empty.
    """
    databases = _allowed(url)
    try:
        yield databases
    finally:
        if left := databases.close():
            print(f"\nin use, and therefore still on {url.host}: {', '.join(left)}", file=sys.stderr)


def _allowed(url: sa.URL) -> Databases:
    turns = _Turns(url)
    own = OwnDatabases(url, turns)
    try:
        own.make_two()
    except DBAPIError as refusal:
        own.close()
        return SharedDatabase(url, turns, refusal)
    return own


class OwnDatabases:
    """One for each test that needs it empty, and one for all others."""

    def __init__(self, url: sa.URL, turns: "_Turns") -> None:
        self._url, self._turns = url, turns
        self._made: list[str] = []
        self._migrated: str | None = None

    def make_two(self) -> None:
        """Find out whether the server takes more than one.

        Raises:
            sqlalchemy.exc.DBAPIError: it does not.
        """
        first, _ = self._create(), self._create()
        self._drop(first)

    @contextmanager
    def empty(self) -> Iterator[str]:
        name = self._create()
        yield self._url_of(name)
        self._drop(name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        if self._migrated is None:
            name = self._made[0]
            migrations.upgrade(self._url_of(name))
            self._migrated = name
        yield self._url_of(self._migrated)

    def close(self) -> list[str]:
        for name in list(self._made):
            self._drop(name)
        return self._made

    def _url_of(self, name: str) -> str:
        return with_password(self._url.set(database=name))

    def _create(self) -> str:
        name = f"billing_test_{uuid.uuid4().hex[:12]}"
        with self._turns.mine(), connected(self._url) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE [{name}]")
            self._made.append(name)
            with suppress(DBAPIError):  # Babelfish, which never blocks a reader, does not know the statement
                connection.exec_driver_sql(f"ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT ON")
        return name

    def _drop(self, name: str) -> None:
        with suppress(DBAPIError):  # `close` tries again, and tells
            self._drop_unused(name)
            self._made.remove(name)

    @tenacity.retry(stop=tenacity.stop_after_delay(_IN_USE), wait=tenacity.wait_fixed(0.5), reraise=True)
    def _drop_unused(self, name: str) -> None:
        with self._turns.mine(), connected(self._url) as connection:
            with suppress(DBAPIError):  # the same
                connection.exec_driver_sql(f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
            connection.exec_driver_sql(f"DROP DATABASE [{name}]")


class SharedDatabase:
    """The database of the URL, for one test at a time: the others wait, whatever process they are in."""

    def __init__(self, url: sa.URL, turns: "_Turns", refusal: DBAPIError) -> None:
        """Take it, if nothing of anybody else's is in it."""
        self._url, self._turns = url, turns
        with turns.mine():
            with connected(url) as connection:
                marked = _MARK in sa.inspect(connection).get_schema_names()
            if not marked:
                self._mark(refusal)

    @contextmanager
    def empty(self) -> Iterator[str]:
        with self._turns.mine():
            self._clear()
            yield with_password(self._url)
            self._clear()

    @contextmanager
    def migrated(self) -> Iterator[str]:
        with self._turns.mine():
            current, head = migrations.current_and_head(with_password(self._url))
            if current != head:
                self._clear()
                migrations.upgrade(with_password(self._url))
            yield with_password(self._url)

    def close(self) -> list[str]:
        with self._turns.mine():
            self._clear()
        return []

    def _mark(self, refusal: DBAPIError) -> None:
        if self._tables():
            raise SqlServerUnusable(
                f"{VARIABLE}: the server refused two databases more ({refusal.orig}). Give the login the right CREATE "
                "ANY DATABASE (role dbcreator; on Babelfish, migration_mode multi-db), or name in the URL an empty "
                f"database that tests may use in turns: {self._url.database} has tables that no test made"
            )
        # Who may make no schema either empties the database by hand after tests that were killed.
        with suppress(DBAPIError), connected(self._url) as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA [{_MARK}]")

    def _tables(self) -> list[str]:
        with connected(self._url) as connection:
            return sa.inspect(connection).get_table_names()

    def _clear(self) -> None:
        """Drop the tables, each after those that refer to it."""
        with connected(self._url) as connection:
            left = set(sa.inspect(connection).get_table_names())
            while left:
                before = set(left)
                for name in before:
                    with suppress(DBAPIError):
                        connection.exec_driver_sql(f"DROP TABLE [{name}]")
                        left.remove(name)
                if left == before:
                    raise SqlServerUnusable(f"{VARIABLE}: {sorted(left)} in {self._url.database} cannot be dropped")


class _Turns:
    """A lock among this machine's test processes: servers make and drop one database at a time."""

    def __init__(self, url: sa.URL) -> None:
        place = f"{address_of(url)} {url.database}".encode()
        self._path = Path(tempfile.gettempdir()) / f"billing-tests-{hashlib.sha256(place).hexdigest()[:16]}.lock"
        self._held = False

    @contextmanager
    def mine(self) -> Iterator[None]:
        assert not self._held, "this test needs two databases at once, and the server has one"
        with self._path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._held = True
            try:
                yield
            finally:
                self._held = False
