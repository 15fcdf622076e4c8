"""Commands that change something are put on record, in the name of who is at the terminal."""

import getpass
from typing import Any

from sqlalchemy.orm import Session

from billing_core.actions import Source, record_action
from billing_core.database import Database
from billing_core.retry import named_database_errors, retry_blips


def operator() -> str:
    """Return who runs the command, as far as the system says: `cli:jane`."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):  # a container's user need not have a name
        return "cli:unknown"


def note(session: Session, action: str, target: str | None = None, **details: Any) -> None:
    """Put an action on record, in the transaction of its effect."""
    record_action(session, action, subject=operator(), source=Source.CLI, target=target, details=details or None)


@retry_blips
def note_first(database: Database, action: str, target: str | None = None, **details: Any) -> None:
    """Put an action on record whose effect is in Redis, at Stripe or in many transactions: before it begins.

    Raises:
        DatabaseUnavailable: the database is away or busy; nothing may be done then.
    """
    with named_database_errors(), database.write() as session:
        note(session, action, target, **details)
