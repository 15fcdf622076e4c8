"""While the database is away a worker keeps its hands full and waits, so that the backlog stays in Redis.

A Celery retry alone would not do: a message that waits for its countdown does not count as taken, so that the worker
goes on and takes the next one, until it holds the whole queue.
"""

import random
import time

from sqlalchemy import text

from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.retry import named_database_errors
from config.settings import Settings

# Of the visibility timeout. A message may wait in the worker behind one that waits, each for this long and for what
# two attempts at a silent database take, and must still be back in time.
_SHARE_OF_WAITING = 1 / 6

# With jitter, so that a database that comes back does not meet all workers in one moment.
POLL_SECONDS = (0.3, 1.0)


def longest_wait(settings: Settings) -> float:
    """Return for how many seconds a task may hold its message and wait."""
    return settings.visibility_timeout * _SHARE_OF_WAITING


def outlast_outage(database: Database, longest: float) -> bool:
    """Wait until the database answers, and return whether it was away.

    Args:
        database: which.
        longest: seconds, after which it may still be away.
    """
    deadline = time.monotonic() + longest
    was_away = False
    while not _answers(database):
        was_away = True
        if time.monotonic() > deadline:
            break
        time.sleep(random.uniform(*POLL_SECONDS))  # noqa: S311  (jitter, no secret)
    return was_away


def _answers(database: Database) -> bool:
    try:
        with named_database_errors(), database.read() as session:
            session.execute(text("SELECT 1"))
    except DatabaseUnavailable:
        return False
    return True
