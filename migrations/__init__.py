"""Alembic's migrations, and the two questions the product asks about them, from any working directory."""

from functools import cache
from pathlib import Path
from typing import TextIO

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from billing_core.database import create_engine_for

# The host platform's own migrations may keep `alembic_version` in the same database.
VERSION_TABLE = "billing_alembic_version"


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest revision. Of two callers at once the second waits.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refused or is away. Nothing is left half done.
    """
    command.upgrade(configured(url), "head")


def current_and_head(url: str) -> tuple[str | None, str]:
    """Return the database's revision, None where it has none yet, and the newest one there is.

    Raises:
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    engine = create_engine_for(url, pool_size=1)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            return context.get_current_revision(), _head()
    finally:
        engine.dispose()


@cache  # the files do not change while the process runs
def _head() -> str:
    head = ScriptDirectory.from_config(configured()).get_current_head()
    if head is None:
        raise RuntimeError("migrations/versions is missing from this installation")
    return head


def configured(url: str | None = None, script: TextIO | None = None) -> Config:
    """Return Alembic's configuration, without pyproject.toml, which an installed package does not have beside it.

    Args:
        url: of the database, instead of the settings'.
        script: where SQL is written instead of being run.
    """
    config = Config(output_buffer=script)
    here = str(Path(__file__).parent).replace("%", "%%")  # configparser's escape
    config.set_main_option("script_location", here)
    config.set_main_option("path_separator", "os")
    if url:
        config.attributes["url"] = url
    return config
