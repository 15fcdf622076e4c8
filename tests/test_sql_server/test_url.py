from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from tests import sql_server
from tests.sql_server import SqlServerUnusable, address_of, described, given_url, moved, with_password

DRIVER_18 = "mssql+pyodbc://sa:p%40ss@db.example:1444/billing?driver=ODBC+Driver+18+for+SQL+Server&Encrypt=yes"
FREETDS = "mssql+pyodbc://sa:p%40ss@db.example/billing?driver=FreeTDS&port=1444&TDS_Version=7.4"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


@pytest.mark.parametrize("url", [DRIVER_18, FREETDS])
def test_another_server_and_database_keep_password_and_options(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TEST_MSSQL_URL", url)
    there = moved(given_url(), "127.0.0.1", 15_000).set(database="other")
    assert address_of(there) == ("127.0.0.1", 15_000)
    assert (there.password, there.database) == ("p@ss", "other")
    assert {**there.query, "port": ""} == {**given_url().query, "port": ""}
    back = moved(there, "db.example", 1444).set(database="billing")
    assert with_password(back) == with_password(sa.make_url(url))


def test_connection_string_of_odbc_says_the_same(environment: pytest.MonkeyPatch) -> None:
    odbc = (
        "Driver={ODBC Driver 18 for SQL Server};Server=tcp:db.example,1444;Database=billing;"
        "UID=sa;PWD={p@;}}ss};Encrypt=yes"
    )
    environment.setenv("TEST_MSSQL_URL", f"mssql+pyodbc:///?odbc_connect={quote_plus(odbc)}")
    assert given_url() == sa.make_url(DRIVER_18).set(password="p@;}ss").update_query_dict(
        {"encrypt": "yes"}
    ).difference_update_query(["Encrypt"])


def test_port_is_sql_servers_unless_one_is_given() -> None:
    assert address_of(sa.make_url(DRIVER_18.replace(":1444", ""))) == ("db.example", 1433)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/billing",
        "mssql+pyodbc://sa:p%40ss@name_of_a_dsn",
        "mssql+pyodbc:///?odbc_connect=Driver%3DFreeTDS",
    ],
)
def test_url_in_which_no_database_can_be_named_is_refused(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TEST_MSSQL_URL", url)
    with pytest.raises(SqlServerUnusable, match="TEST_MSSQL_URL must have the form") as refused:
        given_url()
    assert "p%40ss" not in str(refused.value)


def test_header_says_that_sql_server_is_not_tested(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(sql_server, "KIND", [])
    assert described() == "SQL Server: not tested, TEST_MSSQL_URL is not set"
