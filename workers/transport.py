"""kombu's Redis transport, where taking a message is one step, and where a closed channel is a lost connection.

kombu takes a message with BRPOP and writes down in a second round trip that it holds it: a worker killed between the
two loses the message (measured: in 10 of 30 kills under load; https://github.com/celery/kombu/issues/305). Here one
script does both, for as many messages as the worker has hands free.

While the consumer reconnects, a late acknowledgement may still use the closed channel. kombu 5.7 then reads
`self.connection.client.hostname` of a transport that has no client any more and raises an AttributeError that
nobody catches: the worker exits or hangs (measured: 28 of 58 restarts). A redis ConnectionError instead is what
Celery expects of a lost connection, and it recovers.
"""

from pathlib import Path
from queue import Empty
from time import monotonic, time
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import ConnectionError as RedisConnectionError

from config.queues import BELL, UNREADABLE

log = structlog.get_logger()

# At most so many in one step, which keeps Redis busy for well below a millisecond.
MOST = 100
# s to wait for the bell. Whoever does not ring, a sender that has only Celery, waits at most so long.
NAP = 0.1

# kombu's types leave out what is overridden here.
_QoS: Any = kombu_redis.QoS
_Channel: Any = kombu_redis.Channel

_TAKE = (Path(__file__).parent / "take.lua").read_text()


class TakingQoS(_QoS):  # type: ignore[misc]  # of no known type
    """Knows which messages are written down as held already."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message that is handed to the consumer."""
        if delivery_tag in self.channel.taken:
            self.channel.taken.discard(delivery_tag)
            super(_QoS, self).append(message, delivery_tag)
        else:
            super().append(message, delivery_tag)


class GuardedChannel(_Channel):  # type: ignore[misc]  # of no known type
    """A channel that takes messages in one step, and says "connection lost" after it was closed."""

    QoS = TakingQoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.taken = set[str]()
        self._unacknowledged = set[str]()  # queues whose consumers never acknowledge
        self._napping = False
        super().__init__(*args, **kwargs)

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001  (kombu's)
        """Consume a queue."""
        if no_ack:
            self._unacknowledged.add(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  (kombu's signature)
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel was closed while Redis was away")
        params: dict[str, Any] = super()._connparams(asynchronous)
        return params

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        with self.conn_or_acquire() as client, client.pipeline() as pipe:
            # LTRIM is none of the commands whose key kombu prefixes.
            pipe.lpush(BELL, "").ltrim(self._name(BELL), 0, 0).execute()

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Send for the next messages, without waiting for the answer."""
        if self._unacknowledged:  # who never acknowledges must not be noted as holding anything
            super()._brpop_start(timeout)
            return
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues:
            return
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        names = [self._name(queue) for queue in queues]
        if self._napping:
            self.client.connection.send_command("BRPOP", self._name(BELL), NAP)
        else:
            keys = [self._name(key) for key in (self.unacked_key, self.unacked_index_key, UNREADABLE)]
            free = self.qos.can_consume_max_estimate() or MOST
            self.client.connection.send_command(
                "EVAL", _TAKE, len(keys) + len(names), *keys, *names, time(), min(free, MOST)
            )

    def _brpop_read(self, **options: Any) -> bool:
        """Read the answer, and hand the messages to their consumers."""
        if self._unacknowledged:
            return bool(super()._brpop_read(**options))
        try:
            answer = self._answer(**options)
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()
        if self._napping:
            self._napping = False
            raise Empty
        self._napping = not answer
        if not answer:
            raise Empty
        for name, raw in answer:
            self._hand_over(name.decode().removeprefix(self.global_keyprefix), raw)
        return True

    def _answer(self, **options: Any) -> Any:
        try:
            return self.client.parse_response(self.client.connection, "EVAL", **options)
        except self.connection_errors:
            self.client.connection.disconnect()  # the next round connects again
            self._napping = False
            raise

    def _hand_over(self, queue: str, raw: bytes) -> None:
        self._queue_cycle.rotate(queue)
        if queue == UNREADABLE:
            log.error("message.set_aside", list=self._name(UNREADABLE))
            return
        message = loads(bytes_to_str(raw))
        self.taken.add(message["properties"]["delivery_tag"])
        self.connection._deliver(message, queue)  # noqa: SLF001  (as kombu's own channel does)

    def _name(self, key: str) -> str:
        return f"{self.global_keyprefix}{key}"


class GuardedTransport(kombu_redis.Transport):
    """The Redis transport with such channels."""

    Channel = GuardedChannel
