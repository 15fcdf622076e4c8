"""Batches form at the door: while one Redis call is in flight, the requests that arrive share the next one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from redis import RedisError

from billing_core import metrics
from billing_core.connection_trouble import trouble
from billing_core.inbox import AcceptedEvent, AcceptingInbox


class InboxUnavailable(Exception):
    """Redis did not confirm in time that it holds the event, so Stripe must send it again."""


class _Waiting(NamedTuple):
    event: AcceptedEvent
    answer: asyncio.Future[bool]
    since: float  # by the loop's clock


class Acceptor:
    """Hands verified events to the inbox, many in one round trip under load and one at once when idle."""

    def __init__(self, inbox: AcceptingInbox, *, batch: int, timeout: float) -> None:
        """Batch is the most events of one call; timeout is in seconds and bounds each event's whole wait."""
        self._inbox = inbox
        self._batch = batch
        self._timeout = timeout
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def accept(self, event: AcceptedEvent) -> bool:
        """Return True if the event is new and False if it was seen before; Redis holds it in both cases.

        Raises:
            InboxUnavailable: Redis is away or slow. The event may or may not be stored; sending it again is safe.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        since = loop.time()
        deadline = loop.call_at(since + self._timeout, _give_up, answer, event.event_id)
        self._waiting.append(_Waiting(event, answer, since))
        if self._running is None:
            self._running = loop.create_task(self._drain())
        try:
            return await answer
        finally:
            deadline.cancel()

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                # Those that gave up have been told 503: storing them now would only surprise.
                await self._accept([waiting for waiting in batch if not waiting.answer.done()])
        finally:
            self._running = None

    async def _accept(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        try:
            answers = await self._inbox.accept([waiting.event for waiting in batch])
        except Exception as error:  # noqa: BLE001  (each of the waiting requests raises it)
            for waiting in batch:
                _answer(waiting.answer, _failure(waiting.event.event_id, error))
            return
        for waiting, new in zip(batch, answers, strict=True):
            _answer(waiting.answer, new)
        _count(batch, answers)


def _count(batch: Sequence[_Waiting], answers: Sequence[bool]) -> None:
    """Count a batch at once: for each event alone it would cost more than its part of the call to Redis."""
    now = asyncio.get_running_loop().time()
    metrics.ACCEPT_SECONDS.observe([now - waiting.since for waiting in batch])
    kinds = Counter((waiting.event.family, new) for waiting, new in zip(batch, answers, strict=True))
    for (family, new), number in kinds.items():
        (metrics.ACCEPTED if new else metrics.DUPLICATES).labels(family).inc(number)


def _failure(event_id: str, error: Exception) -> Exception:
    """Name the trouble of Redis; anything else is a bug of ours and stays what it is."""
    return InboxUnavailable(f"{event_id}: {trouble(error)}") if isinstance(error, RedisError | OSError) else error


def _give_up(answer: asyncio.Future[bool], event_id: str) -> None:
    _answer(answer, InboxUnavailable(f"{event_id}: Redis did not answer in time"))


def _answer(future: asyncio.Future[bool], result: bool | Exception) -> None:  # noqa: FBT001  (the answer itself)
    if future.done():
        return
    if isinstance(result, bool):
        future.set_result(result)
    else:
        future.set_exception(result)
