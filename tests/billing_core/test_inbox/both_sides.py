"""Both sides of an inbox on one Redis, with what kombu does between them done step by step."""

import asyncio
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import fakeredis
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from billing_core.envelope import BODY_IDS, MessageTemplate
from billing_core.inbox import AcceptedEvent, AcceptingInbox, Keys, WorkingInbox
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings

PREFIX = "{billing}:"
FAMILY = Family.INVOICE
WINDOW = 3600  # s
HELD = 90.0  # s, after which no worker has a message any more
STALL = 15.0  # s

Message = dict[str, Any]


@cache
def template() -> MessageTemplate:
    return MessageTemplate(create_celery(Settings(env="test")))


def event(event_id: str, family: Family = FAMILY, payload: bytes = b"{}") -> AcceptedEvent:
    return AcceptedEvent(event_id, family, payload)


class BothSides:
    """The endpoint's side, the workers' side, and a queue whose messages can be lost on purpose."""

    def __init__(self, redis: Redis, connect: Callable[[], AsyncRedis]) -> None:
        self.redis = redis
        self._connect = connect
        self.keys = Keys(PREFIX)
        self.working = WorkingInbox(redis, PREFIX, template(), WINDOW)

    @classmethod
    def on_fakeredis(cls) -> "BothSides":
        server = fakeredis.FakeServer()
        return cls(fakeredis.FakeRedis(server=server), lambda: fakeredis.FakeAsyncRedis(server=server))

    @classmethod
    def on_server(cls, url: str) -> "BothSides":
        return cls(Redis.from_url(url), lambda: AsyncRedis.from_url(url))

    def accept(self, *events: AcceptedEvent) -> list[bool]:
        """Accept the events in one call."""

        async def call() -> list[bool]:
            async with self._connect() as redis:
                return await AcceptingInbox(redis, PREFIX, template()).accept(events)

        return asyncio.run(call())

    def accept_apart(self, event: AcceptedEvent) -> None:
        """Accept an event into a message of its own, as if the last one were full."""
        waiting = self._list(self.keys.queue(event.family))
        self.redis.delete(self.keys.queue(event.family))
        self.accept(event)
        if waiting:
            self.redis.rpush(self.keys.queue(event.family), *waiting)

    def queue(self, family: Family = FAMILY) -> list[Message]:
        """Return the messages that wait, the next to be consumed first."""
        return [json.loads(raw) for raw in reversed(self._list(self.keys.queue(family)))]

    def queued(self, family: Family = FAMILY) -> list[list[str]]:
        """Return the event IDs of each waiting message, the next to be consumed first."""
        return [ids_of(message) for message in self.queue(family)]

    def waiting(self, family: Family = FAMILY) -> int:
        """Return how many messages wait."""
        return self.redis.llen(self.keys.queue(family))

    def pop(self, family: Family = FAMILY) -> Message:
        """Answer the bell and take the next message off the queue, without noting it as held."""
        self.redis.delete(self.keys.bell)
        raw = self.redis.rpop(self.keys.queue(family))
        assert isinstance(raw, bytes)
        return cast(Message, json.loads(raw))

    def hold(self, message: Message, family: Family = FAMILY, seconds: float = 0) -> None:
        """Record the message as unacked, so long ago, in kombu's own form."""
        tag, entry = message["properties"]["delivery_tag"], json.dumps([message, "", str(family)])
        self.redis.zadd(self.keys.unacked_index, {tag: time.time() - seconds})
        self.redis.hset(self.keys.unacked, tag, entry)

    def ack(self, message: Message) -> None:
        """Forget the message as kombu does when the task is over."""
        self.redis.zrem(self.keys.unacked_index, message["properties"]["delivery_tag"])
        self.redis.hdel(self.keys.unacked, message["properties"]["delivery_tag"])

    def restore(self, message: Message, family: Family = FAMILY) -> None:
        """Put an unacked message back where it is consumed next, as after the visibility timeout."""
        self.ack(message)
        self.redis.rpush(self.keys.queue(family), json.dumps(message))

    def publish(self, event_ids: list[str], family: Family = FAMILY) -> None:
        """Queue a message of these events, as a worker does for a later try."""
        message = json.loads(template().message(family))
        message["body"] = message["body"].replace(BODY_IDS, '", "'.join(event_ids))
        self.redis.lpush(self.keys.queue(family), json.dumps(message))

    def age(self, seconds: float, family: Family = FAMILY) -> None:
        """Let time pass for all that is in the inbox."""
        entries = self.inbox(family)
        if entries:
            earlier = {event_id: moment - seconds * 1000 for event_id, moment in entries.items()}
            self.redis.zadd(self.keys.inbox(family), earlier)

    def inbox(self, family: Family = FAMILY) -> dict[str, float]:
        """Return the events not yet settled, each with its moment of queueing in ms."""
        entries = self.redis.zrange(self.keys.inbox(family), 0, -1, withscores=True)
        return {member.decode(): score for member, score in cast(list[tuple[bytes, float]], entries)}

    def sweep(self, family: Family = FAMILY) -> list[str]:
        return self.working.sweep(family, STALL, HELD)

    def settle(self, *event_ids: str) -> None:
        """Take the events up and settle them."""
        self.working.claim(event_ids)
        self.working.settle(FAMILY, event_ids)

    def _list(self, key: str) -> list[bytes]:
        return cast(list[bytes], self.redis.lrange(key, 0, -1))


def ids_of(message: Message) -> list[str]:
    ids: list[str] = json.loads(message["body"])[0][0]
    return ids
