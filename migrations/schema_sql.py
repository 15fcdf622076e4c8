"""`make schema-sql`: every migration as a T-SQL script in migrations/sql/, for a DBA to read and run."""

from io import StringIO
from pathlib import Path

from alembic import command
from alembic.script import Script, ScriptDirectory

import migrations

DIRECTORY = Path(__file__).parent / "sql"

_HEADER = """\
-- {title}
--
-- Migration {revision} of the billing service, for SQL Server 2019 and later and for Azure SQL.
-- `make schema-sql` renders it from migrations/versions/{module}, and a test keeps the two equal:
-- change the migration, not this file.
--
-- The tables are explained in docs/schema.md. What is there already stays as it is: running it twice does no harm.
-- It is one transaction: if anything fails, nothing is left behind. The service reads in billing_alembic_version that
-- it ran.
--
-- How to run it, in the host platform's database, as a user that may create tables:
--     sqlcmd -S <server> -d <database> -U <user> -b -i {name}
-- or in any other tool that knows GO. Then grant the service its rights: billing_role.sql.

-- The index on a part of BillingEvents can be made only with these settings; sqlcmd's own QUOTED_IDENTIFIER is off.
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
GO

SET XACT_ABORT ON;
SET NOCOUNT ON;

"""


def scripts() -> dict[str, str]:
    """Return the scripts by their files' names."""
    directory = ScriptDirectory.from_config(migrations.configured())
    return {f"{Path(one.path).stem}.sql": _render(one) for one in directory.walk_revisions()}


def _render(migration: Script) -> str:
    written = StringIO()
    config = migrations.configured("mssql+pyodbc://", written)
    # One batch: sqlcmd would go on with the next one after an error, outside the transaction.
    config.attributes["offline"] = {"mssql_batch_separator": ""}
    command.upgrade(config, f"{migration.down_revision or 'base'}:{migration.revision}", sql=True)
    module = Path(migration.path).name
    header = _HEADER.format(
        title=migration.doc,
        revision=migration.revision,
        module=module,
        name=f"{DIRECTORY.parent.name}/{DIRECTORY.name}/{Path(module).stem}.sql",
    )
    return "\n".join(line.rstrip() for line in (header + written.getvalue()).splitlines()).rstrip() + "\nGO\n"


def main() -> None:
    """Write the files."""
    for name, text in scripts().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
