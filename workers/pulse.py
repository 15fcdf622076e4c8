"""What a worker and beat have in common: they say that they live, and do without Redis where it is away."""

from collections.abc import Callable, Sequence

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from billing_core.heartbeats import Heartbeats, Role
from config.settings import Settings

log = structlog.get_logger()

# A loop stands still meanwhile: a beat that is late is worth less than the work behind it.
TIMEOUT = 1.0  # s


class Pulse:
    """This process's heartbeat, over a connection of its own."""

    def __init__(self, role: Role, settings: Settings) -> None:
        redis = Redis.from_url(
            settings.redis_url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
        self._heartbeats = Heartbeats(redis, settings.queue_prefix)
        self._role = role
        self._begun = False

    def beat(self, queues: Sequence[str] = ()) -> None:
        """Say that this process lives. The first beat forgets those whose place it takes."""
        if not self._begun:
            self._begun = self._heard(lambda: self._heartbeats.forget_dead(self._role))
        self._heard(lambda: self._heartbeats.beat(self._role, queues))

    def end(self) -> None:
        """Say that this process ends in order."""
        self._heard(lambda: self._heartbeats.end(self._role))

    def _heard(self, tell: Callable[[], None]) -> bool:
        """Whether Redis heard it. If not, the next beat may be heard; that Redis is away, others report."""
        try:
            tell()
        except RedisError as error:
            log.debug("heartbeat.missed", reason=type(error).__name__)
            return False
        return True
