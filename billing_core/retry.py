"""All retry policy of the workers, in two layers: blips inside the call, everything longer by Celery."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from billing_core.dialects import is_transient, is_unique_violation
from billing_core.errors import DatabaseUnavailable, RaceLost

# A deadlock, a busy database or a lost race is over within milliseconds; an outage is not, and it must not hold
# the message for longer than a fraction of Celery's visibility timeout.
retry_blips = retry(
    retry=retry_if_exception_type((DatabaseUnavailable, RaceLost)),
    wait=wait_random_exponential(multiplier=0.02, max=1),
    stop=stop_after_attempt(8) | stop_after_delay(5),
    reraise=True,
)


@contextmanager
def named_database_errors() -> Iterator[None]:
    """Raise the database's errors under our names; one that is nobody's passing trouble stays as it is.

    Raises:
        RaceLost: another transaction inserted the same row first.
        DatabaseUnavailable: the database is away, busy, or chose this transaction as a deadlock's victim.
    """
    try:
        yield
    except SQLAlchemyError as error:
        # Only the driver's words: SQLAlchemy's text repeats the statement with its parameters, which are personal data.
        reason = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
        if is_unique_violation(error):
            raise RaceLost(reason) from error
        if is_transient(error):
            raise DatabaseUnavailable(reason) from error
        raise


def countdown(retries: int, longest: float) -> float:
    """Return the seconds until Celery's next try: exponential with jitter, never beyond `longest`."""
    return random.uniform(0.5, min(longest, 2.0 ** min(retries, 30)))  # noqa: S311  (jitter, no secret)
