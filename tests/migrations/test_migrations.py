import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from alembic import command, op
from alembic.script import ScriptDirectory
from sqlglot import exp

import migrations
from billing_core.database import create_engine_for
from billing_core.dialects import ddl, migrating, prepare_migration
from billing_core.models import Model
from tests.migrations.compared import differences, skip_if_little_is_told

ROOT = Path(__file__).parents[2]
MSSQL_URL = "mssql+pyodbc://user:secret@127.0.0.1/billing?driver=ODBC+Driver+18+for+SQL+Server"
OURS = {
    "BillingActions",
    "BillingCheckpoints",
    "BillingCommands",
    "BillingCustomers",
    "BillingEvents",
    "Disputes",
    "InvoicePayments",
    "Invoices",
    "PaymentMethods",
    "Refunds",
    "Subscriptions",
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = create_engine_for(database_url, pool_size=2)
    yield engine
    engine.dispose()


def downgrade(url: str) -> None:
    config = migrations.configured()
    config.attributes["url"] = url
    command.downgrade(config, "base")


def tables(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names()) - {migrations.VERSION_TABLE}


def copied_metadata() -> sa.MetaData:
    copy = sa.MetaData(naming_convention=Model.metadata.naming_convention)
    for table in Model.metadata.tables.values():
        table.to_metadata(copy)
    return copy


def test_models_and_migrations_agree(database_url: str, engine: sa.Engine) -> None:
    migrations.upgrade(database_url)
    assert differences(engine, Model.metadata) == []


def add_column(metadata: sa.MetaData) -> None:
    metadata.tables["Disputes"].append_column(sa.Column("Extra", sa.Integer()))


def lose_column(metadata: sa.MetaData) -> None:
    disputes = metadata.tables["Disputes"]
    kept = [column._copy() for column in disputes.columns if column.name != "EvidenceDueBy"]
    metadata.remove(disputes)
    sa.Table("Disputes", metadata, *kept)


def narrow_amount(metadata: sa.MetaData) -> None:
    metadata.tables["Invoices"].c["Amount"].type = sa.Integer()


def shorten_text(metadata: sa.MetaData) -> None:
    metadata.tables["Invoices"].c["Status"].type = sa.Unicode(40)


def allow_null(metadata: sa.MetaData) -> None:
    metadata.tables["Invoices"].c["Status"].nullable = True


def change_default(metadata: sa.MetaData) -> None:
    metadata.tables["Invoices"].c["Currency"].server_default = sa.DefaultClause("EUR")


def lose_default(metadata: sa.MetaData) -> None:
    metadata.tables["Invoices"].c["CreatedAt"].server_default = None


def lose_index(metadata: sa.MetaData) -> None:
    events = metadata.tables["BillingEvents"]
    events.indexes.remove(next(index for index in events.indexes if index.name == "IX_BillingEvents_ObjectID"))


def lose_unique(metadata: sa.MetaData) -> None:
    events = metadata.tables["BillingEvents"]
    events.constraints.remove(next(c for c in events.constraints if isinstance(c, sa.UniqueConstraint)))


def lose_foreign_key(metadata: sa.MetaData) -> None:
    invoices = metadata.tables["Invoices"]
    invoices.constraints.remove(next(c for c in invoices.constraints if c.name == "FK_Invoices_SubscriptionID"))


@pytest.mark.parametrize(
    "doctor",
    [
        add_column,
        lose_column,
        narrow_amount,
        shorten_text,
        allow_null,
        change_default,
        lose_default,
        lose_index,
        lose_unique,
        lose_foreign_key,
    ],
)
def test_comparison_reports_a_model_that_differs(
    database_url: str, engine: sa.Engine, doctor: Callable[[sa.MetaData], None]
) -> None:
    migrations.upgrade(database_url)
    doctored = copied_metadata()
    assert differences(engine, doctored) == []
    doctor(doctored)
    found = differences(engine, doctored)
    if not found:
        skip_if_little_is_told(database_url)
    assert found


def test_up_down_up_ends_where_it_began(database_url: str, engine: sa.Engine) -> None:
    migrations.upgrade(database_url)
    assert tables(engine) == OURS | {"Users"}
    downgrade(database_url)
    assert tables(engine) == {"Users"}
    migrations.upgrade(database_url)
    assert differences(engine, Model.metadata) == []


def test_upgrade_adopts_the_hosts_users_and_downgrade_leaves_them(database_url: str, engine: sa.Engine) -> None:
    host = sa.MetaData()
    users = sa.Table(
        "Users",
        host,
        sa.Column("UserID", sa.Integer(), primary_key=True),
        sa.Column("Email", sa.Unicode(200)),
    )
    sa.Table("Resumes", host, sa.Column("ResumeID", sa.Integer(), primary_key=True))
    host.create_all(engine)
    row = {"UserID": 7, "Email": "zoë@example.org"}
    with engine.begin() as connection:
        connection.execute(users.insert(), row)
    migrations.upgrade(database_url)
    assert differences(engine, Model.metadata) == []
    downgrade(database_url)
    assert tables(engine) == {"Users", "Resumes"}
    with engine.connect() as connection:
        assert [dict(found) for found in connection.execute(users.select()).mappings()] == [row]


def test_host_platforms_version_table_is_left_alone(database_url: str, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('003')")
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["003"]


def test_newest_file_is_what_alembic_upgrades_to() -> None:
    head = ScriptDirectory.from_config(migrations.configured()).get_current_head()
    assert migrations._head() == head


def test_current_and_head_tell_how_far_the_database_is(database_url: str) -> None:
    assert migrations.current_and_head(database_url) == (None, "004")
    migrations.upgrade(database_url)
    assert migrations.current_and_head(database_url) == ("004", "004")


def test_failed_migration_leaves_nothing_behind(
    database_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_table = op.create_table

    def fail_at_the_last(name: str, *parts: Any, **options: Any) -> sa.Table:
        if name == "BillingEvents":
            raise InterruptedError(name)
        return create_table(name, *parts, **options)

    monkeypatch.setattr(op, "create_table", fail_at_the_last)
    with pytest.raises(InterruptedError):
        migrations.upgrade(database_url)
    assert sa.inspect(engine).get_table_names() == []


def test_two_releases_at_once_migrate_once(database_url: str) -> None:
    statement = "import sys, migrations; migrations.upgrade(sys.argv[1])"
    releases = [
        subprocess.Popen([sys.executable, "-c", statement, database_url], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ends = [(release.communicate()[1], release.returncode) for release in releases]
    assert ends == [(b"", 0), (b"", 0)]
    assert migrations.current_and_head(database_url) == ("004", "004")


def test_release_that_waits_too_long_for_another_says_so(
    server_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ddl, "_LOCK_SECONDS", 1)
    engine = create_engine_for(server_database_url, pool_size=2)
    with engine.connect() as first, migrating(first):
        prepare_migration(first)
        with pytest.raises(Exception, match=r"lock timeout|another billing migration is running"):
            migrations.upgrade(server_database_url)
    migrations.upgrade(server_database_url)
    assert migrations.current_and_head(server_database_url) == ("004", "004")
    engine.dispose()


def test_upgrade_works_from_any_directory(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    migrations.upgrade(database_url)
    assert migrations.current_and_head(database_url) == ("004", "004")


def test_upgrade_uses_a_connection_that_the_caller_brings(database_url: str, engine: sa.Engine) -> None:
    config = migrations.configured()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    assert migrations.current_and_head(database_url) == ("004", "004")


def alembic(*arguments: str, database_url: str = "sqlite:///unused.db") -> str:
    environment = {**os.environ, "DATABASE_URL": database_url}
    program = [sys.executable, "-m", "alembic", *arguments]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_alembics_own_command_reads_pyproject_and_database_url(database_url: str) -> None:
    alembic("upgrade", "head", database_url=database_url)
    assert migrations.current_and_head(database_url) == ("004", "004")
    skip_if_little_is_told(database_url)
    assert "No new upgrade operations" in alembic("check", database_url=database_url)


@pytest.fixture(scope="module")
def sql_for_sql_server() -> str:
    return alembic("-x", f"url={MSSQL_URL}", "upgrade", "head", "--sql")


def test_upgrade_renders_for_sql_server_without_a_driver(sql_for_sql_server: str) -> None:
    created: set[str] = set()
    for batch in re.split(r"^GO$", sql_for_sql_server, flags=re.MULTILINE):
        for statement in sqlglot.parse(batch, dialect="tsql", error_level=sqlglot.ErrorLevel.RAISE):
            assert statement is None or not statement.find(exp.Command), statement
            for made in statement.find_all(exp.Create) if statement else ():
                created.update(table.name for table in made.find_all(exp.Table))
    assert created >= OURS
    assert "secret" not in sql_for_sql_server


def test_sql_server_gets_unicode_text_utc_clocks_and_a_guarded_users_table(sql_for_sql_server: str) -> None:
    sql = sql_for_sql_server
    assert re.search(r"IF OBJECT_ID\(N'\[Users\]', N'U'\) IS NULL\s+CREATE TABLE \[Users\]", sql)
    assert "[StripeEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL" in sql
    assert "[EventData] NVARCHAR(max) NULL" in sql
    assert "[ProcessedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime()" in sql
    assert "[EventID] BIGINT NOT NULL IDENTITY" in sql
    assert "ON [BillingEvents] ([IdempotencyKey]) WHERE [IdempotencyKey] IS NOT NULL" in sql
    ours = sql[sql.index("CREATE TABLE [BillingCustomers]") :]
    assert not re.search(r"\bNTEXT\b|(?<!N)VARCHAR|\bDATETIME\b|GETDATE|CURRENT_TIMESTAMP", ours)


def test_every_constraint_has_a_name(sql_for_sql_server: str) -> None:
    constraints = re.findall(r"^.*(?:PRIMARY KEY|UNIQUE|FOREIGN KEY).*$", sql_for_sql_server, re.MULTILINE)
    assert constraints
    assert [line for line in constraints if not line.strip().startswith("CONSTRAINT ")] == []
