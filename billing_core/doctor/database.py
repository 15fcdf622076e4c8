"""The database: is it there, does it have our tables, and does it compare Stripe's IDs byte by byte?"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from billing_core.connection_trouble import trouble
from billing_core.database import Database
from billing_core.dialects import UtcNow, examine_server, ids_compared_loosely
from billing_core.doctor.clocks import compared
from billing_core.finding import Finding, fail, ok
from billing_core.models import Model
from migrations import current_and_head


def examine_database(database: Database, url: str) -> list[Finding]:
    """Look at the server and the schema. `url` is DATABASE_URL, password and all."""
    try:
        return list(_examined(database, url))
    except (SQLAlchemyError, OSError) as error:
        return [fail("database", f"away: {trouble(error)}", "check DATABASE_URL and the server; events wait")]


def behind(current: str | None, head: str) -> str | None:
    """Say how the schema is behind the code; None if it is not."""
    return None if current == head else f"not migrated: at {current}, needs {head}"


def _examined(database: Database, url: str) -> Iterator[Finding]:
    began = time.monotonic()
    with database.read() as session:
        now: datetime = session.scalars(select(UtcNow())).one()
        remarks = examine_server(session.connection())
    took = (time.monotonic() - began) * 1000
    yield ok("database", f"{database.engine.dialect.name}, answers in {took:.0f} ms")
    yield compared("database's", now, datetime.now(UTC))
    yield from remarks
    problem = behind(*current_and_head(url))
    yield fail("schema", problem, "run alembic upgrade head") if problem else ok("schema", "migrated")
    if not problem:
        yield _collation(database)


def _collation(database: Database) -> Finding:
    with database.read() as session:
        loose = ids_compared_loosely(session.connection(), Model.metadata.sorted_tables)
    if loose:
        found = f"{', '.join(loose)}: not compared byte by byte, so that sub_a may be found as sub_A"
        return fail("Stripe's IDs", found, "restore these columns' collation as in docs/schema.md")
    return ok("Stripe's IDs", "compared byte by byte")
