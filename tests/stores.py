"""Migrated databases with users 1 and 2, who are customers `cus_1` and `cus_2`; and what stands in them."""

import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.kinds import DISPUTE, INVOICE, PAYMENT_METHOD, SUBSCRIPTION
from billing_core.models import BillingCustomer, BillingEvent, Invoice, Model, Subscription, User
from tests.embedded.postgres_server import PostgresServer
from tests.kinds import ANY, EACH, SERVERS
from tests.sql_server import given_url, moved, with_password
from tests.sql_server.databases import Databases

THREADS = 4

Row = dict[str, Any]


def open_database(url: str) -> Database:
    return Database(create_engine_for(url, pool_size=THREADS))


def link(database: Database, customer: str, user_id: int | None, **fields: Any) -> None:
    with database.write() as session:
        session.add(BillingCustomer(stripe_customer_id=customer, user_id=user_id, **fields))


def start_over(database: Database) -> None:
    """Empty the tables, but for the two users and their customers."""
    with database.write() as session:
        for table in reversed(Model.metadata.sorted_tables):
            session.execute(table.delete())
        session.add_all([User(user_id=1), User(user_id=2)])
    link(database, "cus_1", 1)
    link(database, "cus_2", 2)


@pytest.fixture(scope="session")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "billing.db"
    migrations.upgrade(f"sqlite:///{path}")
    database = open_database(f"sqlite:///{path}")
    start_over(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """One database for all tests of a process: emptying it takes milliseconds, copying it half a second."""
    url = postgres_server.create_database(f"migrated_{uuid.uuid4().hex}")
    migrations.upgrade(url)
    return url


@pytest.fixture
def sqlite(prepared_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """One test's SQLite file."""
    database = open_database(f"sqlite:///{shutil.copy(prepared_sqlite, tmp_path / 'billing.db')}")
    yield database
    database.dispose()


@pytest.fixture
def postgres(migrated_postgres: str) -> Iterator[Database]:
    """PostgreSQL, emptied for one test."""
    database = open_database(migrated_postgres)
    start_over(database)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def opened_mssql(sql_server: Databases) -> Iterator[dict[str, Database]]:
    """Databases by URL: to connect anew for each test would take most of its time."""
    opened = dict[str, Database]()
    yield opened
    for database in opened.values():
        database.dispose()


@pytest.fixture
def mssql(sql_server: Databases, opened_mssql: dict[str, Database]) -> Iterator[Database]:
    """SQL Server, emptied for one test."""
    with sql_server.migrated() as url:
        if url not in opened_mssql:
            opened_mssql[url] = open_database(url)
        start_over(opened_mssql[url])
        yield opened_mssql[url]


@pytest.fixture(params=EACH)
def database(request: pytest.FixtureRequest) -> Database:
    """One test's database, of each kind in turn."""
    return _database(request)


@pytest.fixture(params=ANY)
def any_database(request: pytest.FixtureRequest) -> Database:
    """The same for tests that say little about the database."""
    return _database(request)


@pytest.fixture(params=SERVERS)
def server_database(request: pytest.FixtureRequest) -> Database:
    """The same for tests with many writers at a time."""
    return _database(request)


def _database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


def row(database: Database, model: Any, **where: Any) -> Any:
    """Return the one row that fits."""
    with database.read() as session:
        return session.scalars(sa.select(model).filter_by(**where)).one()


def count(database: Database, model: Any) -> int:
    with database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def outcomes(database: Database) -> dict[str, str]:
    """Return each event's outcome on record."""
    with database.read() as session:
        rows = session.execute(sa.select(BillingEvent.stripe_event_id, BillingEvent.outcome))
        return {event_id: outcome for event_id, outcome in rows}  # noqa: C416  (typed rows)


def objects(database: Database) -> dict[str, Row]:
    """Return every object's row by Stripe's ID: its state, its owner, and its parents by Stripe's ID."""
    found = dict[str, Row]()
    with database.read() as session:
        parents = _parents(session)
        for kind in (SUBSCRIPTION, INVOICE, PAYMENT_METHOD, DISPUTE):
            for held in session.execute(sa.select(*kind.held, kind.model)).mappings():
                state, one = kind.state(held), held[kind.model.__name__]
                links = {name: parents[name].get(getattr(one, name, None)) for name in parents}
                found[kind.stripe_id(state.record)] = {"state": state, "user_id": one.user_id} | links
    return found


def event_links(database: Database) -> dict[str, Row]:
    """Return the links of every event, parents by Stripe's ID."""
    with database.read() as session:
        parents = _parents(session)
        return {
            one.stripe_event_id: {"user_id": one.user_id}
            | {name: parents[name].get(getattr(one, name)) for name in parents}
            for one in session.scalars(sa.select(BillingEvent))
        }


def _parents(session: sa.orm.Session) -> dict[str, dict[Any, str]]:
    queries = {
        "subscription_id": sa.select(Subscription.subscription_id, Subscription.stripe_subscription_id),
        "invoice_id": sa.select(Invoice.invoice_id, Invoice.stripe_invoice_id),
    }
    # One after the other: SQL Server has no second result open at a time.
    return {name: dict(iter(session.execute(query))) for name, query in queries.items()}


PASSWORD = "5f0aZq"


@pytest.fixture(params=SERVERS)
def away_url(request: pytest.FixtureRequest, closed_port: int) -> str:
    """Where a database server should be and nobody listens; its password is `PASSWORD`."""
    if request.param == "mssql":
        return with_password(moved(given_url().set(password=PASSWORD), "127.0.0.1", closed_port))
    return f"postgresql://billing:{PASSWORD}@127.0.0.1:{closed_port}/billing"


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_lock(database: Database) -> None:
    """Return when some transaction waits for a lock that another one holds."""
    if database.engine.dialect.name == "mssql":
        # Who waits is told by views that not every server has, and to few logins. Less than a second: later, a server
        # that looks for deadlocks once a second has looked already when a test closes its circle.
        time.sleep(0.5)
        return
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with database.read() as session:
            if session.scalar(waiting):
                return
    pytest.fail("nobody waits for a lock")
