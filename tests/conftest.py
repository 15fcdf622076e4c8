"""What many tests stand on. Each pytest-xdist process starts servers of its own, when first asked for."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import coverage
import pytest
import redis
import structlog

from tests.embedded.postgres_server import PostgresServer
from tests.embedded.redis_server import RedisServer
from tests.kinds import ANY, EACH, SERVERS, empty_database
from tests.sql_server import KIND as SQL_SERVER
from tests.sql_server import SqlServerUnusable, described, given_url
from tests.sql_server.databases import Databases, databases_at
from tests.stores import (
    any_database,
    away_url,
    closed_port,
    database,
    migrated_postgres,
    mssql,
    opened_mssql,
    postgres,
    prepared_sqlite,
    server_database,
    sqlite,
)
from tests.tsql import Statements

__all__ = [
    "any_database",
    "away_url",
    "closed_port",
    "database",
    "migrated_postgres",
    "mssql",
    "opened_mssql",
    "postgres",
    "prepared_sqlite",
    "server_database",
    "sqlite",
]

# Their files take longest. Begun last, one of them would keep one process busy while the other has nothing to do.
SLOWEST = ("system", "convergence", "test_run")


def pytest_report_header() -> str:
    try:
        return described()
    except SqlServerUnusable as reason:
        raise pytest.UsageError(str(reason)) from reason


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let nothing measure a process of pytest-xdist but what pytest-cov begins after this.

    What began with the process, as in every subprocess, would go on wherever a test is marked `no_cover`.
    """
    while hasattr(session.config, "workerinput") and (begun := coverage.Coverage.current()):
        begun.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in SLOWEST)
    _measure_coverage_once(items)
    for item in items if SQL_SERVER else ():
        if isinstance(item, pytest.Function) and _is_for_sql_server(item):
            _allow_sql_server(item)


def _measure_coverage_once(items: list[pytest.Item]) -> None:
    """Let what runs on SQLite too run at full speed on the others: measuring takes two thirds of a test's time."""
    names = {item.nodeid for item in items}
    for item in items:
        if any(kind in item.nodeid and item.nodeid.replace(kind, "sqlite") in names for kind in ("postgres", "mssql")):
            item.add_marker(pytest.mark.no_cover)


def _is_for_sql_server(item: pytest.Function) -> bool:
    return "sql_server" in item.fixturenames or (hasattr(item, "callspec") and "mssql" in item.callspec.params.values())


def _allow_sql_server(item: pytest.Item) -> None:
    """Let a proxy reach the server, and a test wait for its turn there without losing time."""
    item.add_marker(pytest.mark.allow_hosts([given_url().host, "127.0.0.1", "::1", "localhost"]))
    own = item.get_closest_marker("timeout")
    seconds = own.args[0] if own else float(item.config.getini("timeout"))
    item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)


@pytest.fixture(scope="session", autouse=True)
def _loggers_follow_their_configuration() -> Iterator[None]:
    """A logger that keeps its first configuration, as in production, would hide what it logs from `capture_logs`."""
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**options | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield


@pytest.fixture(autouse=True)
def _logging_ends_with_the_test() -> Iterator[None]:
    """What a command or a task set up in this process, its level or whose lines they are, is not the next test's."""
    before = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)


@pytest.fixture(scope="session")
def statements() -> Statements:
    """What SQLite is told, looked at as T-SQL."""
    statements = Statements()
    statements.listen()
    return statements


@pytest.fixture(autouse=True)
def _every_statement_is_for_sql_server_too(statements: Statements) -> Iterator[None]:
    """Whether or not there is a SQL Server: what SQLite is told in a test must compile for it."""
    yield
    wrong, statements.wrong = statements.wrong, []
    assert wrong == []


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests of a process. A test that kills or pauses makes its own RedisServer."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a process. A test that kills or pauses makes its own PostgresServer."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def sql_server(pytestconfig: pytest.Config) -> Iterator[Databases]:
    """Databases on the server of TEST_MSSQL_URL."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as uncaptured, databases_at(given_url()) as databases:
        yield databases
        uncaptured.enter_context(capture.global_and_fixture_disabled())  # for what could not be removed


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A SQLite file for one test."""
    with empty_database(request, "sqlite") as url:
        yield url


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL database for one test."""
    with empty_database(request, "postgres") as url:
        yield url


@pytest.fixture
def mssql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of SQL Server for one test."""
    with empty_database(request, "mssql") as url:
        yield url


@pytest.fixture(params=EACH)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database for one test, of each kind in turn."""
    with empty_database(request, request.param) as url:
        yield url


@pytest.fixture(params=ANY)
def any_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same for tests that say little about the database."""
    with empty_database(request, request.param) as url:
        yield url


@pytest.fixture(params=SERVERS)
def server_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same for tests with many writers at a time."""
    with empty_database(request, request.param) as url:
        yield url
