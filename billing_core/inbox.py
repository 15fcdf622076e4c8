"""The inbox: events accepted and not yet applied, kept in Redis. It is the truth; Celery's queue is a hint.

Every change is one Lua script, so no crash can leave an event seen but not queued, or applied but still due.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from billing_core.envelope import MessageTemplate
from config.queues import BELL, Family

# One message of the sweep is a batch for one worker transaction.
SWEEP_BATCH = 100

# The oldest is looked for among so many. Where more wait, many wait for long.
LOOKED_AT = 200

_MILLISECONDS = 13  # digits, until the year 2286

EVENT_IDS = re.compile(rb"evt_\w+")


def _lua(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text()


class AcceptedEvent(NamedTuple):
    """A verified event on its way into the inbox."""

    event_id: str
    family: Family
    payload: bytes


class Depth(NamedTuple):
    """How much of a family waits.

    Attributes:
        inbox: events not applied.
        queue: messages that no worker has taken.
        oldest_s: seconds since the oldest event was accepted.
        queue_oldest_s: seconds since the oldest message was queued, or queued again.
    """

    inbox: int
    queue: int
    oldest_s: float
    queue_oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event taken up by a worker.

    Attributes:
        event_id: Stripe's ID of the event.
        payload: the signed request's body, unchanged.
        accepted_at: when the endpoint accepted it, by Redis' clock.
        deliveries: how often a worker took it up without giving it back, this time included.
    """

    event_id: str
    payload: bytes
    accepted_at: datetime
    deliveries: int


class Keys:
    """The names of the inbox's Redis keys under the configured prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.deliveries = f"{prefix}deliveries"
        self.bell = f"{prefix}{BELL}"
        self.unacked = f"{prefix}unacked"  # kombu's, like the next
        self.unacked_index = f"{prefix}unacked_index"

    def event(self, event_id: str) -> str:
        """The key that is dedupe mark and payload in one."""
        return f"{self._prefix}event:{event_id}"

    def inbox(self, family: Family) -> str:
        """The sorted set of the family's pending events, by the moment of their last (re)queueing in ms."""
        return f"{self._prefix}inbox:{family}"

    def queue(self, family: Family) -> str:
        """The list that Celery's workers consume."""
        return f"{self._prefix}{family}"


class AcceptingInbox:
    """The endpoint's side of the inbox."""

    def __init__(self, redis: AsyncRedis, prefix: str, template: MessageTemplate) -> None:
        self._keys = Keys(prefix)
        self._template = template
        self._accept = redis.register_script(_lua("accept"))

    async def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """Store and enqueue the events in one atomic round trip.

        Returns:
            For each event whether it is new; False means that it was seen before.

        Raises:
            redis.RedisError: nothing is known to be stored.
        """
        keys, args = _acceptance(self._keys, self._template, events)
        answers: list[int] = await self._accept(keys=keys, args=args)
        return [answer == 1 for answer in answers]


class WorkingInbox:
    """The workers' side of the inbox."""

    def __init__(self, redis: Redis, prefix: str, template: MessageTemplate, dedupe_window: int) -> None:
        self._keys = Keys(prefix)
        self._template = template
        self._dedupe_window = dedupe_window
        self._redis = redis
        self._accept = redis.register_script(_lua("accept"))
        self._forget = redis.register_script(_lua("forget"))
        self._claim = redis.register_script(_lua("claim"))
        self._settle = redis.register_script(_lua("settle"))
        self._postpone = redis.register_script(_lua("postpone"))
        self._sweep = redis.register_script(_lua("sweep"))

    def claim(self, event_ids: Sequence[str]) -> list[ClaimedEvent]:
        """Take up those of the events that still have work."""
        keys = [self._keys.deliveries, *map(self._keys.event, event_ids)]
        answers = self._claim(keys=keys, args=list(event_ids))
        return [
            _claimed(event_id, *answer)
            for event_id, answer in zip(event_ids, answers, strict=True)
            if answer is not None
        ]

    def settle(self, family: Family, event_ids: Sequence[str]) -> None:
        """Forget events whose effect is committed, leaving a tombstone for the dedupe window."""
        self._end(family, event_ids, self._dedupe_window)

    def release(self, family: Family, event_ids: Sequence[str]) -> None:
        """Forget events that became dead letters, so that Stripe's "Resend" is accepted again."""
        self._end(family, event_ids, 0)

    def accept_again(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """Store and enqueue events, though they were settled or released; those still due stay as they are.

        Returns:
            For each event whether it was not due.
        """
        self._forget(keys=[self._keys.event(event.event_id) for event in events])
        keys, args = _acceptance(self._keys, self._template, events)
        answers: list[int] = self._accept(keys=keys, args=args)
        return [answer == 1 for answer in answers]

    def due(self, event_ids: Sequence[str]) -> set[str]:
        """Return those of the events that are accepted and not yet settled."""
        pipeline = self._redis.pipeline(transaction=False)
        for event_id in event_ids:
            pipeline.strlen(self._keys.event(event_id))
        return {event_id for event_id, length in zip(event_ids, pipeline.execute(), strict=True) if length}

    def depth(self, family: Family) -> Depth:
        """Return how much waits, and for how long."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zcard(self._keys.inbox(family))
        pipeline.llen(self._keys.queue(family))
        pipeline.zrange(self._keys.inbox(family), 0, LOOKED_AT - 1, withscores=True)
        pipeline.time()
        pipeline.lindex(self._keys.queue(family), -1)
        inbox, queue, first, (seconds, _), message = pipeline.execute()
        queued = self._queued(family, message) if message else None
        since = (self._oldest(first) if first else None, queued)
        return Depth(inbox, queue, *(round(max(seconds - at / 1000, 0.0), 1) if at else 0.0 for at in since))

    def _queued(self, family: Family, message: bytes) -> float | None:
        """Return when a message was queued, in ms, by the entries of its events; None if none of them has work left."""
        event_ids = EVENT_IDS.findall(message)[:LOOKED_AT]
        found: Any = self._redis.zmscore(self._keys.inbox(family), event_ids) if event_ids else []
        return min((score for score in found if score is not None), default=None)

    def _oldest(self, entries: Sequence[tuple[bytes, float]]) -> float:
        """Return when the oldest was accepted, in ms. Each try moves an entry's score on: it tells of the last one."""
        pipeline = self._redis.pipeline(transaction=False)
        for event_id, _ in entries:
            pipeline.getrange(self._keys.event(event_id.decode()), 0, _MILLISECONDS - 1)
        accepted = [float(found) for found in pipeline.execute() if found]  # none of what is settled meanwhile
        return min([entries[0][1], *accepted])

    def postpone(self, family: Family, event_ids: Sequence[str]) -> None:
        """Give events back for a later try; call it right before publishing their message again."""
        self._postpone(keys=[self._keys.inbox(family), self._keys.deliveries], args=list(event_ids))

    def sweep(self, family: Family, stall_time: float, held_time: float) -> list[str]:
        """Queue the family's stranded events again and return their IDs.

        Args:
            family: whose inbox to sweep.
            stall_time: seconds that an event may stay unseen before it counts as stranded.
            held_time: seconds after which a worker that took a message cannot still have it.
        """
        keys = [self._keys.inbox(family), self._keys.queue(family), self._keys.unacked, self._keys.unacked_index]
        args: list[str | int | float] = [
            int(stall_time * 1000),
            SWEEP_BATCH,
            self._template.message(family),
            held_time,
        ]
        return [event_id.decode() for event_id in self._sweep(keys=keys, args=args)]

    def _end(self, family: Family, event_ids: Sequence[str], window: int) -> None:
        if event_ids:
            keys = [self._keys.inbox(family), self._keys.deliveries, *map(self._keys.event, event_ids)]
            self._settle(keys=keys, args=[window, *event_ids])


def _acceptance(
    keys: Keys, template: MessageTemplate, events: Sequence[AcceptedEvent]
) -> tuple[list[str], list[str | int | bytes]]:
    """Return the accept script's keys and arguments."""
    families = sorted({event.family for event in events})
    position = {family: number for number, family in enumerate(families, start=1)}
    names = [name for family in families for name in (keys.inbox(family), keys.queue(family))]
    args: list[str | int | bytes] = [len(families), *map(template.message, families)]
    for event in events:
        names.append(keys.event(event.event_id))
        args += (position[event.family], event.event_id, event.payload)
    names.append(keys.bell)
    return names, args


def _claimed(event_id: str, value: bytes, deliveries: int) -> ClaimedEvent:
    milliseconds, _, payload = value.partition(b"\n")
    return ClaimedEvent(event_id, payload, datetime.fromtimestamp(int(milliseconds) / 1000, UTC), deliveries)
