"""Models and database compared, as far as the database can tell what it has."""

from typing import Any

import pytest
import sqlalchemy as sa
import tenacity
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import ProgrammingError

import migrations
from billing_core.database import create_engine_for
from billing_core.dialects import prepare_migration
from billing_core.models import User
from migrations.comparison import comparison_options


# Babelfish, whose databases are schemas of one, stumbles in its catalog over what another test drops meanwhile.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(ProgrammingError), stop=tenacity.stop_after_attempt(3), reraise=True
)
def differences(engine: sa.Engine, metadata: sa.MetaData) -> list[Any]:
    options = {
        "version_table": migrations.VERSION_TABLE,
        "target_metadata": metadata,
        **comparison_options(engine.dialect.name),
    }
    with engine.connect() as connection:
        prepare_migration(connection)  # and be patient: some servers need long for their catalog
        if _tells_little(connection):
            return _columns_that_differ(connection, metadata)
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return [*found, *_unique_columns(engine, metadata)] if engine.dialect.name == "mssql" else found


def skip_if_little_is_told(url: str) -> None:
    """Give up a test that needs the whole catalog."""
    engine = create_engine_for(url, pool_size=1)
    with engine.connect() as connection:
        little = _tells_little(connection)
    engine.dispose()
    if little:
        pytest.skip("this server tells names in small letters and some not at all (Babelfish): columns alone compared")


def _tells_little(connection: sa.Connection) -> bool:
    if connection.dialect.name != "mssql":
        return False
    names = connection.scalars(sa.text("SELECT name FROM sys.columns WHERE object_id = OBJECT_ID(N'Users')"))
    return "UserID" not in names.all()


def _columns_that_differ(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    ours = [table for name, table in metadata.tables.items() if name != User.__tablename__]
    told = sa.inspect(connection).get_multi_columns(filter_names=[table.name for table in ours])
    modeled = {(table.name, column.name.lower(), column.nullable) for table in ours for column in table.columns}
    found = {(table, one["name"], one["nullable"]) for (_, table), columns in told.items() for one in columns}
    return sorted(modeled ^ found)


def _unique_columns(engine: sa.Engine, metadata: sa.MetaData) -> set[tuple[str, ...]]:
    """Return what is unique in one of the two alone: Alembic leaves that out where it is reflected as an index."""
    inspector = sa.inspect(engine)
    here, there = set[tuple[str, ...]](), set[tuple[str, ...]]()
    for table in metadata.tables.values():
        constraints = (one.columns for one in table.constraints if isinstance(one, sa.UniqueConstraint))
        indexes = (one.columns for one in table.indexes if one.unique)
        here |= {(table.name, *columns.keys()) for columns in (*constraints, *indexes)}
        reflected = (one["column_names"] for one in inspector.get_indexes(table.name) if one["unique"])
        there |= {(table.name, *map(str, names)) for names in reflected if table.name != User.__tablename__}
    return here ^ there
