"""Checkpoints: a small JSON object under a name, by which gap fill, reconcile and backfill go on where they stopped."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from billing_core.database import Database
from billing_core.models import BillingCheckpoint
from billing_core.retry import named_database_errors, retry_blips


@retry_blips
def read(database: Database, name: str) -> dict[str, Any] | None:
    """Return what was last written under the name, or None.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    with named_database_errors(), database.read() as session:
        return session.scalar(select(BillingCheckpoint.value).where(BillingCheckpoint.name == name))


@retry_blips
def write(database: Database, name: str, value: dict[str, Any]) -> None:
    """Put a value in the place of the former; of two writers at once the later wins.

    Raises:
        DatabaseUnavailable: the database is away or busy; nothing was written.
    """
    with named_database_errors(), database.write() as session:
        replacing = update(BillingCheckpoint).where(BillingCheckpoint.name == name).values(value=value)
        if session.connection().execute(replacing).rowcount == 0:
            session.execute(insert(BillingCheckpoint).values(name=name, value=value))


@retry_blips
def clear(database: Database, name: str) -> None:
    """Forget the name: the next run begins from the start.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    with named_database_errors(), database.write() as session:
        session.execute(delete(BillingCheckpoint).where(BillingCheckpoint.name == name))
