"""The pool lets go of connections that are lost, also where SQLAlchemy does not see it."""

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from billing_core.dialects.error_codes import loses_connection


def give_up_lost_connections(engine: Engine) -> None:
    """Have the engine close a connection that is lost, and with it all that the pool has from before that moment."""
    event.listen(engine, "handle_error", _judge)


def _judge(context: ExceptionContext) -> None:
    lost = loses_connection(context.original_exception)
    if lost is not None:
        context.is_disconnect = lost
