import sqlalchemy as sa

import migrations
from billing_core.database import Database
from billing_core.doctor.database import examine_database
from billing_core.finding import Finding, Level
from migrations import VERSION_TABLE
from tests.stores import open_database


def examined(database: Database) -> dict[str, Finding]:
    url = database.engine.url.render_as_string(hide_password=False)
    return {finding.check: finding for finding in examine_database(database, url)}


def test_migrated_database_is_sound(database: Database) -> None:
    findings = examined(database)
    remarks = ["ODBC driver", "snapshots"] if database.engine.dialect.name == "mssql" else []
    assert list(findings) == ["database", "database's clock", *remarks, "schema", "Stripe's IDs"]
    assert {one.level for check, one in findings.items() if check not in remarks} == {Level.OK}
    assert findings["database"].found.startswith(f"{database.engine.dialect.name}, answers in ")


def test_database_behind_the_code_fails(database_url: str) -> None:
    database = open_database(database_url)
    try:
        finding = examined(database)["schema"]
    finally:
        database.dispose()
    assert finding == Finding("schema", Level.FAIL, "not migrated: at None, needs 004", "run alembic upgrade head")


def test_database_ahead_of_the_code_fails(any_database_url: str) -> None:
    migrations.upgrade(any_database_url)
    database = open_database(any_database_url)
    try:
        with database.write() as session:
            session.execute(sa.text(f"UPDATE \"{VERSION_TABLE}\" SET version_num = '999'"))
        assert examined(database)["schema"].found == "not migrated: at 999, needs 004"
    finally:
        database.dispose()


LOSS = {
    "postgresql": ['ALTER TABLE "Invoices" ALTER COLUMN "StripeInvoiceID" TYPE varchar(255) COLLATE "default"'],
    "mssql": [
        "ALTER TABLE Invoices DROP CONSTRAINT UQ_Invoices_StripeInvoiceID",
        "ALTER TABLE Invoices DROP COLUMN StripeInvoiceID",
        "ALTER TABLE Invoices ADD StripeInvoiceID NVARCHAR(255)",  # as the database compares by default
    ],
}


def test_column_that_lost_its_collation_is_named(server_database_url: str) -> None:
    migrations.upgrade(server_database_url)
    database = open_database(server_database_url)
    try:
        with database.write() as session:
            for statement in LOSS[database.engine.dialect.name]:
                session.execute(sa.text(statement))
        finding = examined(database)["Stripe's IDs"]
    finally:
        database.dispose()
    assert finding.level is Level.FAIL
    assert finding.found.startswith("Invoices.StripeInvoiceID: not compared byte by byte")


def test_database_that_is_away_is_one_finding_without_its_password(away_url: str) -> None:
    database = open_database(away_url)
    try:
        (finding,) = examine_database(database, away_url)
    finally:
        database.dispose()
    assert (finding.check, finding.level, finding.found) == ("database", Level.FAIL, "away: OperationalError")
