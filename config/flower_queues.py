"""How Flower counts what waits: it does not know our transport's name, and would show no queue."""

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis

from config.celery import SOCKET_CONNECT_TIMEOUT, SOCKET_TIMEOUT
from config.settings import Settings


class Queues:
    """In the place of Flower's own broker of the same method."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis_url
        self._prefix = settings.queue_prefix

    async def queues(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return how many messages no worker has taken yet, by queue.

        Raises:
            redis.RedisError: Redis is away.
        """
        listed = list(names)
        async with Redis.from_url(
            self._url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_CONNECT_TIMEOUT
        ) as redis:
            pipeline = redis.pipeline(transaction=False)
            for name in listed:
                pipeline.llen(f"{self._prefix}{name}")
            lengths = await pipeline.execute()
        return [{"name": name, "messages": length} for name, length in zip(listed, lengths, strict=True)]
