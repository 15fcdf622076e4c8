"""What ends a command without being its fault, each in one line."""

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from billing_core.errors import BillingError
from config.settings import SettingsError


def told(error: Exception) -> tuple[int, str] | None:
    """Return the exit code and the line; None for an error of our own, which ends with its traceback."""
    match error:
        case SettingsError():
            return 2, str(error)
        case BillingError():
            return 1, str(error)
        case RedisError():
            return 1, f"Redis: {error}; check REDIS_URL and the server"
        case SQLAlchemyError():
            # The driver's own words: SQLAlchemy's repeat the statement with its parameters, which are personal data.
            return 1, f"database: {getattr(error, 'orig', None) or error}"
    return None
