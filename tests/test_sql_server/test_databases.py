"""On the server of TEST_MSSQL_URL: databases for tests, made and removed, or taken in turns."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

import migrations
from billing_core.models import Model
from tests.sql_server import SqlServerUnusable, connected, described, given_url, with_password
from tests.sql_server.databases import Databases, OwnDatabases, SharedDatabase, databases_at

MIGRATED = {*Model.metadata.tables, migrations.VERSION_TABLE}


def tables(url: str) -> set[str]:
    with connected(sa.make_url(url)) as connection:
        return set(sa.inspect(connection).get_table_names())


def make_table(url: str) -> None:
    with connected(sa.make_url(url)) as connection:
        connection.exec_driver_sql("CREATE TABLE Parents (ID INT NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE Children (ID INT NOT NULL REFERENCES Parents (ID))")


def exists(url: str) -> bool:
    try:
        tables(url)
    except DBAPIError:
        return False
    return True


def test_header_names_server_and_driver_and_not_the_password() -> None:
    line = described()
    assert line.startswith("SQL Server: ")
    assert re.search(r", through (ODBC Driver \d+ for SQL Server|FreeTDS|/.*(msodbcsql|tds).*)$", line)
    assert str(given_url().password) not in line


def test_empty_database_is_new_each_time(sql_server: Databases) -> None:
    with sql_server.empty() as url:
        assert tables(url) == set()
        make_table(url)
    with sql_server.empty() as url:
        assert tables(url) == set()


def test_migrated_database_is_at_the_newest_revision(sql_server: Databases) -> None:
    with sql_server.migrated() as url:
        current, head = migrations.current_and_head(url)
    assert current == head


def test_nothing_is_left_of_the_databases_that_were_made(sql_server: Databases) -> None:
    if isinstance(sql_server, SharedDatabase):
        pytest.skip("the server takes no database more")
    with databases_at(given_url()) as databases:
        with databases.empty() as empty, databases.migrated() as migrated:
            assert exists(empty)
            assert exists(migrated)
        assert not exists(empty)
    assert not exists(migrated)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The server takes one database more, and no second."""
    create = OwnDatabases._create

    def create_one(own: OwnDatabases) -> str:
        if own._made:
            raise DBAPIError("CREATE DATABASE", None, Exception("permission denied"))
        return create(own)

    monkeypatch.setattr(OwnDatabases, "_create", create_one)
    return monkeypatch


@pytest.fixture
def only(sql_server: Databases) -> Iterator[sa.URL]:
    """The one database that a login has."""
    if isinstance(sql_server, SharedDatabase):
        pytest.skip("all tests show it: the server has one database")
    with sql_server.empty() as url:
        yield sa.make_url(url)


def test_login_that_may_make_none_uses_the_urls_own(only: sa.URL, refused: pytest.MonkeyPatch) -> None:
    with databases_at(only) as databases:
        for use in (databases.migrated, databases.empty, databases.migrated):
            with use() as url:
                assert url == with_password(only)
                assert tables(url) == (set() if use == databases.empty else MIGRATED)
        assert isinstance(databases, SharedDatabase)
    assert tables(with_password(only)) == set()
    with databases_at(only) as again, again.empty():
        pass


def test_database_with_somebody_elses_tables_is_not_touched(only: sa.URL, refused: pytest.MonkeyPatch) -> None:
    make_table(with_password(only))
    with (
        pytest.raises(SqlServerUnusable, match=r"permission denied.* CREATE ANY DATABASE .* has tables that no test"),
        databases_at(only),
    ):
        pass
    assert tables(with_password(only)) == {"Parents", "Children"}


def test_two_databases_at_once_are_refused_where_there_is_one(only: sa.URL, refused: pytest.MonkeyPatch) -> None:
    with (
        databases_at(only) as databases,
        databases.empty(),
        pytest.raises(AssertionError, match="this test needs two databases at once"),
        databases.migrated(),
    ):
        pass
