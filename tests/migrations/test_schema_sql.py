"""What a DBA is given to run: T-SQL that every SQL Server takes, equal to the migrations."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlglot
from sqlglot import exp
from sqlglot.dialects.tsql import TSQL

import migrations
from billing_core.database import create_engine_for
from billing_core.models import BillingAction, BillingCheckpoint, BillingEvent, Model, User
from migrations.schema_sql import DIRECTORY, scripts
from tests.kinds import ONLY_SQL_SERVER
from tests.migrations.compared import differences
from tests.tsql import faults_of

ROOT = Path(__file__).parents[2]
SCHEMA = DIRECTORY / "004_create_billing_schema.sql"
ROLE = DIRECTORY / "billing_role.sql"
PAGE = ROOT / "docs/sqlserver.md"

# sqlglot reads no statements about roles and databases: these it may leave unread.
_ADMINISTRATION = re.compile(r"CREATE (ROLE|LOGIN|USER) |ALTER (ROLE|DATABASE) ", re.IGNORECASE)


def batches(text: str) -> list[str]:
    return [batch for batch in re.split(r"^GO$", text, flags=re.MULTILINE) if batch.strip()]


def blocks_of_the_page() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def paragraphs(text: str) -> list[str]:
    """Split between statements: after an IF sqlglot takes all the rest of a batch for one statement."""
    return [part for batch in batches(text) for part in batch.split("\n\n") if re.sub(r"--.*", "", part).strip()]


SCRIPTS = [path.read_text(encoding="utf-8") for path in sorted(DIRECTORY.glob("*.sql"))]
PARAGRAPHS = [part for text in (*SCRIPTS, *blocks_of_the_page()) for part in paragraphs(text)]
of_every_paragraph = pytest.mark.parametrize("sql", PARAGRAPHS)


def parsed(sql: str) -> list[exp.Expr]:
    """Read statements; what sqlglot leaves unread must be about roles and databases."""
    statements = [one for one in sqlglot.parse(sql, dialect=TSQL, error_level=sqlglot.ErrorLevel.RAISE) if one]
    unread = [str(command) for one in statements for command in one.find_all(exp.Command)]
    assert [text for text in unread if not _ADMINISTRATION.search(text)] == []
    return statements


def test_committed_scripts_are_what_the_migrations_say() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.glob("[0-9]*.sql")}
    assert committed == scripts()


@of_every_paragraph
def test_every_statement_is_t_sql(sql: str) -> None:
    assert parsed(sql)


@of_every_paragraph
def test_no_statement_uses_what_not_every_server_has(sql: str) -> None:
    faults = [fault for fault in faults_of(sql) if not fault.startswith("what sqlglot cannot read")]
    assert faults == []
    assert not re.search(r"CREATE\s+OR\s+ALTER", sql, re.IGNORECASE)


def test_schema_script_makes_nothing_that_may_be_there_already() -> None:
    statements = [one for part in paragraphs(SCHEMA.read_text(encoding="utf-8")) for one in parsed(part)]
    made = [one for statement in statements for one in statement.find_all(exp.Create, exp.Insert)]
    assert len(made) > len(Model.metadata.tables)
    assert [one.sql(TSQL) for one in made if not one.find_ancestor(exp.IfBlock)] == []


def test_schema_script_makes_every_table_and_index_of_the_models() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    tables = set(re.findall(r"^CREATE TABLE \[(\w+)\]", text, re.MULTILINE))
    indexes = set(re.findall(r"^CREATE INDEX \[(\w+)\]", text, re.MULTILINE))
    assert tables == set(Model.metadata.tables)
    assert indexes == {index.name for table in Model.metadata.tables.values() for index in table.indexes}


def test_schema_script_is_one_transaction_that_an_error_ends() -> None:
    """In a batch of its own after an error, a statement would stand outside the transaction."""
    settings, all_the_rest = batches(SCHEMA.read_text(encoding="utf-8"))
    assert "SET QUOTED_IDENTIFIER ON" in settings
    assert "CREATE" not in re.sub(r"--.*", "", settings)
    order = ("SET XACT_ABORT ON;", "BEGIN TRANSACTION;", "CREATE TABLE", "INSERT INTO", "COMMIT;")
    places = [all_the_rest.index(part) for part in order]
    assert places == sorted(places)


def test_role_may_do_what_the_service_does_and_no_more() -> None:
    granted: dict[str, set[str]] = {}
    statements = (one for part in paragraphs(ROLE.read_text(encoding="utf-8")) for one in parsed(part))
    for grant in (one for one in statements if isinstance(one, exp.Grant)):
        granted[grant.args["securable"].sql(TSQL)] = {str(right) for right in grant.args["privileges"]}
    tables = set(Model.metadata.tables) - {User.__tablename__}
    deleted = {BillingEvent.__tablename__, BillingCheckpoint.__tablename__}
    only_added_to = {BillingAction.__tablename__: {"SELECT", "INSERT"}}
    expected = {table: {"SELECT", "INSERT", "UPDATE"} | ({"DELETE"} if table in deleted else set()) for table in tables}
    expected |= only_added_to
    assert granted == expected | {migrations.VERSION_TABLE: {"SELECT"}, "USERS(UserID)": {"SELECT"}}


def test_page_is_short_enough_to_be_read() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 150


def run(engine: sa.Engine, text: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for batch in batches(text):
            cursor = connection.connection.cursor()
            cursor.execute(batch)
            while cursor.nextset():
                pass
            cursor.close()


@pytest.fixture(params=ONLY_SQL_SERVER)
def engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    engine = create_engine_for(request.getfixturevalue(f"{request.param}_url"), pool_size=1)
    yield engine
    engine.dispose()


def url_of(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_schema_script_makes_what_the_migration_makes_once_however_often_it_runs(engine: sa.Engine) -> None:
    for _ in range(2):
        run(engine, SCHEMA.read_text(encoding="utf-8"))
    assert differences(engine, Model.metadata) == []
    engine.dispose()
    assert migrations.current_and_head(url_of(engine)) == ("004", "004")


def test_schema_script_that_fails_leaves_nothing_behind(engine: sa.Engine) -> None:
    broken = SCHEMA.read_text(encoding="utf-8").replace("CREATE TABLE [Refunds]", "CREATE TABLE [Disputes]")
    with pytest.raises(Exception, match="2714"):  # there is one of that name already
        run(engine, broken)
    engine.dispose()
    assert sa.inspect(engine).get_table_names() == []
