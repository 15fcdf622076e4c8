"""Taking messages from Redis: in one step with writing down who holds them, in turn from all queues."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import Connection, Consumer, Message, Queue
from redis import Redis
from structlog.testing import capture_logs

from workers.transport import NAP, GuardedTransport

PREFIX = "{billing}:"
QUEUES = [Queue("red", routing_key="red"), Queue("blue", routing_key="blue")]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def connection(redis_url: str) -> Iterator[Connection]:
    options = {"global_keyprefix": PREFIX, "priority_steps": [0], "body_encoding": None, "visibility_timeout": 60}
    with Connection(redis_url, transport=GuardedTransport, transport_options=options) as it:
        yield it


class Reader:
    """A consumer that keeps what it gets, unacknowledged."""

    def __init__(self, connection: Connection, prefetch: int = 10, *, no_ack: bool = False) -> None:
        self.connection: Any = connection
        self.got: list[tuple[Any, Message]] = []
        channel: Any = connection.channel()
        channel.basic_qos(0, prefetch, False)
        self.consumer = Consumer(channel, QUEUES, callbacks=[self.take], accept=["json"], no_ack=no_ack)
        self.consumer.consume()

    def take(self, body: Any, message: Message) -> None:
        self.got.append((body, message))

    @property
    def bodies(self) -> list[Any]:
        return [body for body, _ in self.got]

    def read_until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not there():
            assert time.monotonic() < deadline, self.bodies
            try:
                self.connection.drain_events(timeout=NAP)
            except TimeoutError:
                continue

    def read(self, count: int) -> list[Any]:
        self.read_until(lambda: len(self.got) >= count)
        return self.bodies


def send(connection: Connection, queue: str, *bodies: Any) -> None:
    producer = connection.Producer(serializer="json")
    for body in bodies:
        producer.publish(body, routing_key=queue, declare=[Queue(queue, routing_key=queue)])


def held(redis: Redis) -> list[Any]:
    """Return the bodies of what kombu would restore if the worker died now."""
    entries = [json.loads(entry) for entry in redis.hvals(f"{PREFIX}unacked")]
    assert redis.zcard(f"{PREFIX}unacked_index") == len(entries)
    return sorted(json.loads(message["body"]) for message, _exchange, _routing_key in entries)


def test_message_is_written_down_as_held_before_the_worker_has_it(connection: Connection, redis: Redis) -> None:
    reader = Reader(connection)
    send(connection, "red", 1, 2)
    channel: Any = reader.consumer.channel
    poll = reader.connection.transport.cycle.on_poll_start
    poll()  # sent for; the answer is not read yet
    deadline = time.monotonic() + 10
    while held(redis) != [1, 2] and time.monotonic() < deadline:
        if not channel._in_poll:
            poll()
        time.sleep(0.01)
    assert held(redis) == [1, 2]
    assert reader.bodies == []
    assert reader.read(2) == [1, 2]


def test_acknowledged_message_is_held_no_more(connection: Connection, redis: Redis) -> None:
    reader = Reader(connection)
    send(connection, "red", 1, 2)
    reader.read(2)
    reader.got[0][1].ack()
    assert held(redis) == [2]


def test_requeued_message_comes_again(connection: Connection) -> None:
    reader = Reader(connection)
    send(connection, "red", 1)
    reader.read(1)
    reader.got[0][1].requeue()
    assert reader.read(2) == [1, 1]


def test_messages_of_a_dead_worker_are_restored(connection: Connection, redis: Redis) -> None:
    reader = Reader(connection)
    send(connection, "red", 1)
    reader.read(1)
    [(tag, _)] = redis.zscan_iter(f"{PREFIX}unacked_index")
    redis.zadd(f"{PREFIX}unacked_index", {tag: time.time() - 61})
    assert reader.read(2) == [1, 1]


def test_queues_take_turns_and_each_keeps_its_order(connection: Connection) -> None:
    reader = Reader(connection)
    send(connection, "red", 1, 2, 3, 4)
    send(connection, "blue", 11, 12)
    found = reader.read(6)
    assert [body for body in found if body < 10] == [1, 2, 3, 4]
    assert [body for body in found if body > 10] == [11, 12]
    assert {11, 12} <= set(found[:4])


def test_worker_takes_no_more_than_it_has_hands_free(connection: Connection, redis: Redis) -> None:
    reader = Reader(connection, prefetch=2)
    send(connection, "red", 1, 2, 3, 4, 5)
    assert reader.read(2) == [1, 2]
    for _ in range(3):
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=NAP)
    assert (held(redis), redis.llen(f"{PREFIX}red")) == ([1, 2], 3)
    reader.got[0][1].ack()
    assert reader.read(3) == [1, 2, 3]


def test_sender_that_does_not_ring_is_heard_all_the_same(connection: Connection, redis: Redis, redis_url: str) -> None:
    reader = Reader(connection)
    with Connection(redis_url, transport_options={"global_keyprefix": PREFIX, "priority_steps": [0]}) as other:
        send(other, "red", 7)
    assert redis.llen(f"{PREFIX}bell") == 0
    assert reader.read(1) == [7]


def test_bell_stays_short_while_nobody_listens(connection: Connection, redis: Redis) -> None:
    send(connection, "red", *range(20))
    assert redis.llen(f"{PREFIX}bell") == 1


@pytest.mark.parametrize("junk", ["no JSON", "[]", "{}", '{"properties": {"delivery_tag": 7, "delivery_info": {}}}'])
def test_what_is_no_message_is_set_aside_and_holds_nobody_up(connection: Connection, redis: Redis, junk: str) -> None:
    reader = Reader(connection)
    redis.lpush(f"{PREFIX}red", junk)
    send(connection, "red", 8)
    with capture_logs() as logs:
        assert reader.read(1) == [8]
    assert redis.lrange(f"{PREFIX}unreadable", 0, -1) == [junk.encode()]
    assert [log["event"] for log in logs] == ["message.set_aside"]


def test_who_never_acknowledges_holds_nothing(connection: Connection, redis: Redis) -> None:
    reader = Reader(connection, no_ack=True)
    send(connection, "red", 1, 2)
    assert reader.read(2) == [1, 2]
    assert held(redis) == []
