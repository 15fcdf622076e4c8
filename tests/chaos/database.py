"""The database that faults strike: a PostgreSQL of our own, or a SQL Server that we can only be cut off from."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Protocol, Self

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from billing_core.database import create_engine_for
from billing_core.models import BillingEvent
from tests.chaos.disk import SmallDisk
from tests.chaos.proxy import TcpProxy
from tests.embedded.postgres_program import account_for_postgres, make_directory
from tests.embedded.postgres_server import PostgresServer
from tests.sql_server import address_of, given_url
from tests.sql_server.databases import databases_at


class Struck(Protocol):
    """What faults do to a process, or to the way to it."""

    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class ChaosDatabase(Protocol):
    """An empty database, as long as its `with`."""

    @property
    def url(self) -> str:
        """Its address past the proxy, for who compares."""

    @property
    def server(self) -> Struck: ...

    @property
    def proxy(self) -> TcpProxy:
        """The service's way there."""

    @property
    def disk(self) -> SmallDisk | None:
        """Where its data is, unless that is out of our reach."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def unwritable(self, event_ids: Collection[str]) -> AbstractContextManager[None]:
        """Let whoever puts these events on record wait for the block's end; who reads does not."""


class Postgres:
    """PostgreSQL on a small disk, if there is one."""

    def __init__(self) -> None:
        self.server = PostgresServer()
        self.disk = SmallDisk(make_directory(account_for_postgres()), account_for_postgres())
        self.proxy = TcpProxy(lambda: self.server.port)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.disk)
            stack.enter_context(self.server)
            stack.enter_context(self.proxy)
            self.server.create_database("billing")
            if self.disk.cannot_fill is None:
                self._move_to_disk()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return self.server.url("billing")

    @contextmanager
    def unwritable(self, event_ids: Collection[str]) -> Iterator[None]:
        """Lock the table: a lock that holds also where the unique index was taken away."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute('LOCK TABLE "BillingEvents" IN SHARE MODE')
            yield

    def _move_to_disk(self) -> None:
        with psycopg.connect(self.server.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{self.disk.directory}'".encode())
            connection.execute("ALTER DATABASE billing SET TABLESPACE small")


class SqlServer:
    """The server of TEST_MSSQL_URL. It is not ours to kill, so that faults strike the service's way there."""

    disk = None

    def __init__(self) -> None:
        self._server = given_url()
        host, port = address_of(self._server)
        self.proxy = TcpProxy(lambda: port, host)
        self.server = _Way(self.proxy)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            databases = stack.enter_context(databases_at(self._server))
            self.url = stack.enter_context(databases.empty())
            stack.enter_context(self.proxy)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def unwritable(self, event_ids: Collection[str]) -> Iterator[None]:
        """Insert the same events without a commit: T-SQL locks a table by hints alone."""
        now = datetime.now(UTC)
        row = {"event_type": "", "livemode": False, "stripe_created_at": now, "received_at": now, "outcome": "dead"}
        engine = create_engine_for(self.url, pool_size=1)
        with Session(engine) as uncommitted:
            uncommitted.execute(sa.insert(BillingEvent), [row | {"stripe_event_id": one} for one in event_ids])
            yield
        engine.dispose()


class _Way:
    """A way to a server, struck as a server is."""

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy

    @property
    def running(self) -> bool:
        return not self._proxy.refusing

    def start(self) -> None:
        self._proxy.accept()

    def kill(self) -> None:
        self._proxy.refuse()

    def pause(self) -> None:
        self._proxy.stand_still()

    def resume(self) -> None:
        self._proxy.go_on()


DATABASES: dict[str, type[ChaosDatabase]] = {"postgres": Postgres, "mssql": SqlServer}
