"""The look at every statement of the other tests does see what is wrong."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from billing_core.database import Database
from billing_core.dialects import GuardedRow, insert_rows, update_rows
from billing_core.models import Invoice, Model, User
from tests.tsql import MOST_PARAMETERS, Statements, faults_of


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT a FROM t LIMIT 5", "LIMIT"),
        ("INSERT INTO t (a) VALUES (?) RETURNING a", "RETURNING"),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE;", "MERGE"),
        ("SELECT a FROM t WITH (UPDLOCK, HOLDLOCK)", "a lock hint"),
        ("WITH c AS (SELECT a FROM t) UPDATE c SET a = 2", "a change through WITH"),
        ("SELECT a FROM t WHERE b = TRUE", "TRUE"),
        ("SELECT a || b FROM t", "||"),
        ("SELECT a FROM ##shared", "#"),
        ("SELECT a FROM t FOR UPDATE", "no T-SQL"),
        ("INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING", "CONFLICT"),
    ],
)
def test_what_not_every_sql_server_takes_is_named(sql: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults_of(sql)), list(faults_of(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT TOP 5 [LIMIT] FROM [T] WHERE [a] = N'MERGE' AND [b] IN (?, ?)",
        "SELECT a FROM t ORDER BY a OFFSET ? ROWS FETCH FIRST ? ROWS ONLY",
        "UPDATE [T] SET [a]=? OUTPUT inserted.[a] WHERE [b] = ?",
        "INSERT INTO t (a) SELECT v.a FROM (VALUES (?), (?)) AS v(a) WHERE v.a NOT IN (SELECT a FROM t)",
    ],
)
def test_t_sql_has_no_fault(sql: str) -> None:
    assert list(faults_of(sql)) == []


Look = Callable[[sa.Executable], list[str]]


@pytest.fixture
def look(statements: Statements, sqlite_url: str) -> Iterator[Look]:
    """What is said of a statement that is executed on SQLite; it does not count against the test."""
    engine = sa.create_engine(sqlite_url)
    Model.metadata.create_all(engine)

    def execute(statement: sa.Executable) -> list[str]:
        with engine.connect() as connection:
            connection.execute(statement)
        wrong, statements.wrong = statements.wrong, []
        return wrong

    yield execute
    engine.dispose()


def test_statement_written_for_sqlite_is_seen_when_it_is_executed(look: Look) -> None:
    (wrong,) = look(sa.text("SELECT 1 AS only_here LIMIT 1"))
    assert wrong.startswith("LIMIT is not for every SQL Server: SELECT 1 AS only_here")


def test_statement_that_sqlalchemy_spells_for_each_database_has_no_fault(look: Look) -> None:
    assert look(sa.select(Invoice.status).where(Invoice.stripe_invoice_id.in_(["in_1", "in_2"])).limit(5)) == []


def test_construct_of_another_database_is_seen(look: Look) -> None:
    (wrong,) = look(sqlite_insert(User).values(user_id=1).on_conflict_do_nothing())
    assert wrong.startswith("cannot be compiled for SQL Server")


def test_more_parameters_than_sql_server_takes_are_seen_every_time(look: Look) -> None:
    ids = [f"in_{number}" for number in range(MOST_PARAMETERS + 1)]
    for _ in range(2):
        (wrong,) = look(sa.select(Invoice.status).where(Invoice.stripe_invoice_id.in_(ids)))
        assert wrong.startswith("2101 parameters: SELECT")


def test_rows_written_on_sqlite_show_how_they_would_be_written_on_sql_server(
    statements: Statements, sqlite: Database
) -> None:
    table = sa.Table("OnlyHere", sa.MetaData(), sa.Column("ID", sa.Integer(), primary_key=True))
    with sqlite.write() as session:
        connection = session.connection()
        table.create(connection)
        insert_rows(connection, table, [{"ID": 1}, {"ID": 2}])
        assert update_rows(connection, table, [GuardedRow({"ID": 1}, {"ID": 3})]) == 1
    heard = {sql.split()[0] for sql in statements.heard if "[OnlyHere]" in sql}
    assert heard == {"INSERT", "UPDATE"}
