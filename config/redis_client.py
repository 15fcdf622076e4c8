"""Our own connections to Redis, with the patience that Celery's have."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.celery import SOCKET_CONNECT_TIMEOUT, SOCKET_TIMEOUT
from config.settings import Settings

# For what is told again in a few seconds anyway: whoever tells it stands still meanwhile.
IMPATIENT = 1.0  # s


def redis_client(settings: Settings, kind: type[Redis] = Redis) -> Redis:
    """Make a blocking client, whose pool many threads share: one is enough for a process."""
    return kind.from_url(
        settings.redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_CONNECT_TIMEOUT
    )


def impatient_redis_client(settings: Settings) -> Redis:
    """Make a client of its own for what every process tells now and then; it tries once, and not for long."""
    return Redis.from_url(
        settings.redis_url, socket_timeout=IMPATIENT, socket_connect_timeout=IMPATIENT, retry=Retry(NoBackoff(), 0)
    )
