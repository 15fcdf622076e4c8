"""`billing`: what operators do by hand. Exit codes: 0 done, 1 something failed, 2 wrong usage or settings."""

import sys

import structlog
import typer
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from billing_core.cli import customers, doctor, endpoint, events, gaps, reconcile, status, token
from billing_core.errors import RetryLater
from config.settings import SettingsError

app = typer.Typer(no_args_is_help=True, add_completion=True, help=__doc__, pretty_exceptions_enable=False)
app.command(name="status")(status.show)
app.command(name="doctor")(doctor.examine)
app.command(name="gaps")(gaps.fill)
app.command(name="reconcile")(reconcile.reconcile)
app.command(name="backfill")(reconcile.backfill)
app.command(name="token")(token.make)
app.add_typer(events.app, name="events")
app.add_typer(customers.app, name="customers")
app.add_typer(endpoint.app, name="endpoint")


def main() -> None:
    """Run the command; what the command cannot help ends it with one line."""
    # What a command prints is for scripts: log lines go beside it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except SettingsError as error:
        _end(2, str(error))
    except RetryLater as error:
        _end(1, str(error))
    except RedisError as error:
        _end(1, f"Redis: {error}")
    except SQLAlchemyError as error:
        # The driver's own words: SQLAlchemy's repeat the statement with its parameters, which are personal data.
        _end(1, f"database: {getattr(error, 'orig', None) or error}")


def _end(code: int, text: str) -> None:
    sys.stderr.write(" ".join(text.split()) + "\n")
    sys.exit(code)
