"""Alembic's migrations, and the two questions the product asks about them, from any working directory."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import sqlalchemy as sa

from billing_core.database import create_engine_for

# Loaded when something is to be migrated: web processes and workers only ask, and start a tenth sooner without it.
if TYPE_CHECKING:
    from alembic.config import Config

# The host platform's own migrations may keep `alembic_version` in the same database.
VERSION_TABLE = "billing_alembic_version"


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest revision. Of two callers at once the second waits.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refused or is away. Nothing is left half done.
    """
    from alembic import command  # noqa: PLC0415  (see above)

    command.upgrade(configured(url), "head")


def current_and_head(url: str) -> tuple[str | None, str]:
    """Return the database's revision, None where it has none yet, and the newest one there is.

    Raises:
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    engine = create_engine_for(url, pool_size=1)
    try:
        with engine.connect() as connection:
            return _current(connection), _head()
    finally:
        engine.dispose()


def _current(connection: sa.Connection) -> str | None:
    versions = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    try:
        version: str | None = connection.scalar(sa.select(versions.c.version_num))
    except sa.exc.DBAPIError:
        # Asked only now: looking into a catalog takes some servers seconds, and readiness has two.
        connection.rollback()
        if sa.inspect(connection).has_table(VERSION_TABLE):
            raise
        return None
    return version


@cache  # the files do not change while the process runs
def _head() -> str:
    """Return the number that the newest file's name begins with; the files follow one another without branches."""
    numbers = [path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py")]
    if not numbers:
        raise RuntimeError("migrations/versions is missing from this installation")
    return max(numbers)


def configured(url: str | None = None, script: TextIO | None = None) -> "Config":
    """Return Alembic's configuration, without pyproject.toml, which an installed package does not have beside it.

    Args:
        url: of the database, instead of the settings'.
        script: where SQL is written instead of being run.
    """
    from alembic.config import Config  # noqa: PLC0415  (see above)

    config = Config(output_buffer=script)
    here = str(Path(__file__).parent).replace("%", "%%")  # configparser's escape
    config.set_main_option("script_location", here)
    config.set_main_option("path_separator", "os")
    if url:
        config.attributes["url"] = url
    return config
