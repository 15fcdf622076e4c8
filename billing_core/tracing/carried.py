"""Trace contexts that Stripe, or a message of our own script, cannot carry: kept in Redis until they are asked for."""

from collections.abc import Sequence
from contextlib import suppress

from opentelemetry.context import Context
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from billing_core.tracing.spans import REMEMBERED, continued, current_headers, in_a_trace


class TraceKeys:
    """The names of their Redis keys."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def event(self, event_id: str) -> str:
        """Of the span in which an event was accepted."""
        return f"{self._prefix}trace:{event_id}"

    def call(self, idempotency_key: str) -> str:
        """Of the span of a call to Stripe: the events that it causes name its key."""
        return f"{self._prefix}trace:call:{idempotency_key}"


class Carried:
    """The workers' side. Traces are worth no failure: while Redis is away there is none."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._keys = TraceKeys(prefix)

    def keep_call(self, idempotency_key: str) -> None:
        """Keep the current context for the events that a call will cause."""
        if in_a_trace():
            with suppress(RedisError):
                self._redis.set(self._keys.call(idempotency_key), current_headers()["traceparent"], ex=REMEMBERED)

    def of_events(self, event_ids: Sequence[str]) -> list[Context]:
        """Return the contexts in which the events were accepted, as far as those are traced."""
        with suppress(RedisError):
            found = self._redis.mget([self._keys.event(event_id) for event_id in event_ids])
            return [continued(value) for value in found if value]
        return []


class CarriedToTheDoor:
    """The endpoint's side."""

    def __init__(self, redis: AsyncRedis, prefix: str) -> None:
        self._redis = redis
        self._keys = TraceKeys(prefix)

    async def keep_event(self, event_id: str) -> None:
        """Keep the current context for the worker; of an event that comes again, the first one's."""
        if in_a_trace():
            with suppress(RedisError, OSError):
                parent = current_headers()["traceparent"]
                await self._redis.set(self._keys.event(event_id), parent, ex=REMEMBERED, nx=True)

    async def of_call(self, idempotency_key: str) -> Context | None:
        """Return the context of the call to Stripe that used this key, if that was ours and is traced."""
        with suppress(RedisError, OSError):
            found = await self._redis.get(self._keys.call(idempotency_key))
            return continued(found) if found else None
        return None
