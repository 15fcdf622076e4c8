"""How long we wait for a database, and how many connections to it a process has: on each kind the same."""

from typing import Any

# An event's transaction takes milliseconds. Who waits 5 s waits for something stuck: give up, be retried.
CONNECT_SECONDS = 5
LOCK_SECONDS = 5


def pool_options(pool_size: int) -> dict[str, Any]:
    """Return what every engine of a server is made with."""
    return {
        "pool_size": pool_size,
        "max_overflow": 0,  # the database's connection limit is divided among processes: keep to the share
        "pool_timeout": CONNECT_SECONDS,
        "pool_pre_ping": True,  # a failover leaves dead connections in the pool
        "hide_parameters": True,  # they are personal data, and errors end up in logs and dead letters
    }
