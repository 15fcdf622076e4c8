"""PostgreSQL by psycopg: in UTC, and waiting for nothing too long, not even for a server that has fallen silent."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from billing_core.dialects.engines.pool import CONNECT_SECONDS, LOCK_SECONDS, pool_options
from billing_core.dialects.impatience import ImpatientConnection

# Must end before the broker hands the message to another worker (visibility timeout, 45 s).
STATEMENT_SECONDS = 30

_SESSION = {
    "timezone": "UTC",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    # A process that is frozen or cut off in mid-transaction must not hold its rows for long. Ours take milliseconds,
    # and those behind such a one are promised within a minute.
    "idle_in_transaction_session_timeout": "20s",
}


def make_engine(url: URL, pool_size: int) -> Engine:
    """Make the engine."""
    ours = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    theirs = url.query.get("options", "")  # the last one wins: who runs the database knows better
    connect_args = {
        "connect_timeout": CONNECT_SECONDS,
        "options": f"{ours} {theirs}".strip(),
        "application_name": "billing",
        # A host that vanished answers nothing at all: notice after half a minute, not after two hours.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    url = url.difference_update_query(["options"])
    missing = {name: value for name, value in connect_args.items() if name not in url.query}
    engine = create_engine(url, connect_args=missing, **pool_options(pool_size))
    event.listen(engine, "do_connect", _connect_impatiently)
    return engine


def _connect_impatiently(_dialect: Any, _record: Any, args: Any, parameters: Any) -> DBAPIConnection:
    return ImpatientConnection.connect(*args, **parameters)  # type: ignore[return-value]  # psycopg's is wider
