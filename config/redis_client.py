"""Our own connections to Redis, with the patience that Celery's have."""

from redis import Redis

from config.celery import SOCKET_CONNECT_TIMEOUT, SOCKET_TIMEOUT
from config.settings import Settings


def redis_client(settings: Settings, kind: type[Redis] = Redis) -> Redis:
    """Make a blocking client, whose pool many threads share: one is enough for a process."""
    return kind.from_url(
        settings.redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_CONNECT_TIMEOUT
    )
