"""Run by Alembic for every command: online, or offline (`--sql`) for a DBA to read and run."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

import migrations.repeatable_mssql  # noqa: F401  (Alembic finds it by its dialect)
from billing_core.database import create_engine_for
from billing_core.dialects import WRITING, migrating, prepare_migration
from billing_core.models import Model
from config.loading import load_settings
from migrations import VERSION_TABLE
from migrations.comparison import comparison_options

_OPTIONS: dict[str, Any] = {
    "target_metadata": Model.metadata,
    "version_table": VERSION_TABLE,
    # Alembic assumes that sqlite3 commits on DDL; ours does not, since the engine begins its transactions.
    # So a failed migration leaves nothing behind on any database.
    "transactional_ddl": True,
}


def _url() -> str:
    """`-x url=…` wins, then the caller's attribute, then `sqlalchemy.url`, then DATABASE_URL."""
    named = (
        context.get_x_argument(as_dictionary=True).get("url")
        or context.config.attributes.get("url")
        or context.config.get_alembic_option("sqlalchemy.url")
    )
    return str(named or load_settings().database_url)


def _run_offline() -> None:
    options = context.config.attributes.get("offline", {})
    context.configure(url=_url(), literal_binds=True, **_OPTIONS, **options)
    with context.begin_transaction():
        context.run_migrations()


def _run_on(connection: Connection) -> None:
    dialect = connection.dialect.name
    # SQLite alters a table by copying it, which Alembic calls a batch.
    options = {**_OPTIONS, "render_as_batch": dialect == "sqlite", **comparison_options(dialect)}
    context.configure(connection=connection, **options)
    with migrating(connection), context.begin_transaction():
        prepare_migration(connection)
        context.run_migrations()


def _run_online() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run_on(connection)
        return
    engine = create_engine_for(_url(), pool_size=1).execution_options(**WRITING)
    try:
        with engine.connect() as own:
            _run_on(own)
    finally:
        engine.dispose()


if context.is_offline_mode():
    _run_offline()
else:
    _run_online()
