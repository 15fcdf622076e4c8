"""Puts down which endpoint secret verified a delivery, for whoever rotates secrets or asks if deliveries arrive."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from pydantic import SecretStr
from redis import RedisError
from redis.asyncio import Redis

from billing_core import metrics
from billing_core.webhook_secrets import fingerprint, key

# More often would tell nobody more.
INTERVAL = 60.0  # s


class MatchedSecrets:
    """One for the process; the request that is noted does not wait for Redis."""

    def __init__(self, redis: Redis, prefix: str, secrets: Sequence[SecretStr]) -> None:
        self._redis = redis
        self._key = key(prefix)
        self._writing = set[asyncio.Task[None]]()  # the event loop itself keeps no task alive
        self.use(secrets)

    def use(self, secrets: Sequence[SecretStr]) -> None:
        """Tell positions by these secrets from now on."""
        self._names = [fingerprint(secret.get_secret_value()) for secret in secrets]
        self._counters = [metrics.SECRETS_MATCHED.labels(name) for name in self._names]
        self._due = [0.0] * len(secrets)

    def note(self, position: int) -> None:
        """Note that the secret at this position verified a delivery now."""
        self._counters[position].inc()
        now = time.monotonic()
        if now < self._due[position]:
            return
        self._due[position] = now + INTERVAL
        writing = asyncio.get_running_loop().create_task(self._write(self._names[position]))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Return when everything is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, name: str) -> None:
        # While Redis is away the request itself gets 503, and says so.
        with suppress(RedisError, OSError):
            await self._redis.hset(self._key, name, str(int(time.time())))
