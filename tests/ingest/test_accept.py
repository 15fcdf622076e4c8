import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from billing_core.inbox import AcceptedEvent, AcceptingInbox
from config.queues import Family
from ingest.accept import Acceptor, InboxUnavailable

pytestmark = pytest.mark.anyio

LONG = 60.0  # s; never reached


class SlowInbox(AcceptingInbox):
    """Holds every call until the test lets it go, and answers as Redis would."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.stored: set[str] = set()
        self.failures: dict[int, Exception] = {}  # number of the call, from 0
        self.gate = asyncio.Event()

    async def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        number = len(self.calls)
        self.calls.append([event.event_id for event in events])
        await self.gate.wait()
        if failure := self.failures.get(number):
            raise failure
        return [self._store(event.event_id) for event in events]

    def _store(self, event_id: str) -> bool:
        new = event_id not in self.stored
        self.stored.add(event_id)
        return new


@pytest.fixture
async def inbox() -> AsyncIterator[SlowInbox]:
    inbox = SlowInbox()
    yield inbox
    inbox.gate.set()


@pytest.fixture
def acceptor(inbox: SlowInbox) -> Acceptor:
    return Acceptor(inbox, batch=100, timeout=LONG)


def event(number: int) -> AcceptedEvent:
    return AcceptedEvent(f"evt_{number}", Family.INVOICE, b"{}")


async def submit(acceptor: Acceptor, *numbers: int) -> list[asyncio.Task[bool]]:
    """Start accepting the events; when this returns, all of them wait or are in flight."""
    tasks = [asyncio.create_task(acceptor.accept(event(number))) for number in numbers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def all_given_up(tasks: Sequence[asyncio.Task[bool]]) -> None:
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, InboxUnavailable)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (what it waits for signals nobody)
            await asyncio.sleep(0)


async def test_lone_event_goes_at_once_and_alone(acceptor: Acceptor, inbox: SlowInbox) -> None:
    inbox.gate.set()
    assert await acceptor.accept(event(1)) is True
    assert await acceptor.accept(event(1)) is False
    assert inbox.calls == [["evt_1"], ["evt_1"]]


async def test_events_that_arrive_during_a_call_share_the_next_one(acceptor: Acceptor, inbox: SlowInbox) -> None:
    first = await submit(acceptor, 1)
    rest = await submit(acceptor, *range(2, 51))
    assert inbox.calls == [["evt_1"]]
    inbox.gate.set()
    assert await asyncio.gather(*first, *rest) == [True] * 50
    assert inbox.calls == [["evt_1"], [f"evt_{number}" for number in range(2, 51)]]


async def test_batch_has_no_more_events_than_the_cap(inbox: SlowInbox) -> None:
    acceptor = Acceptor(inbox, batch=10, timeout=LONG)
    tasks = [*await submit(acceptor, 0), *await submit(acceptor, *range(1, 26))]
    inbox.gate.set()
    assert await asyncio.gather(*tasks) == [True] * 26
    assert [len(call) for call in inbox.calls] == [1, 10, 10, 5]
    assert [event_id for call in inbox.calls for event_id in call] == [f"evt_{number}" for number in range(26)]


async def test_same_event_twice_in_a_batch_is_new_once(acceptor: Acceptor, inbox: SlowInbox) -> None:
    tasks = [*await submit(acceptor, 1), *await submit(acceptor, 2, 2)]
    inbox.gate.set()
    assert await asyncio.gather(*tasks) == [True, True, False]


@pytest.mark.parametrize("failure", [RedisConnectionError("gone"), OutOfMemoryError("full"), OSError("reset")])
async def test_failing_call_fails_its_own_events_only(acceptor: Acceptor, inbox: SlowInbox, failure: Exception) -> None:
    inbox.failures[1] = failure
    first = await submit(acceptor, 1)
    unlucky = await submit(acceptor, 2, 3)
    inbox.gate.set()
    assert await asyncio.gather(*first) == [True]
    for task in unlucky:
        with pytest.raises(InboxUnavailable, match=rf"^evt_[23]: {type(failure).__name__}$"):
            await task
    assert await acceptor.accept(event(4)) is True
    assert inbox.stored == {"evt_1", "evt_4"}


async def test_failing_call_leaves_those_behind_it_their_turn(inbox: SlowInbox) -> None:
    inbox.failures[0] = RedisConnectionError("gone")
    acceptor = Acceptor(inbox, batch=100, timeout=LONG)
    unlucky = await submit(acceptor, 1)
    behind = await submit(acceptor, 2)
    inbox.gate.set()
    with pytest.raises(InboxUnavailable):
        await unlucky[0]
    assert await behind[0] is True


async def test_unforeseen_error_reaches_the_request_and_the_next_events_pass(
    acceptor: Acceptor, inbox: SlowInbox
) -> None:
    inbox.failures[0] = ValueError("a bug of ours")
    unlucky = await submit(acceptor, 1)
    behind = await submit(acceptor, 2)
    inbox.gate.set()
    with pytest.raises(ValueError, match="a bug of ours"):
        await unlucky[0]
    assert await behind[0] is True


async def test_event_waits_no_longer_than_the_timeout(inbox: SlowInbox) -> None:
    acceptor = Acceptor(inbox, batch=100, timeout=0.05)
    began = time.monotonic()
    tasks = [*await submit(acceptor, 1), *await submit(acceptor, 2)]
    for task in tasks:
        with pytest.raises(InboxUnavailable, match="did not answer in time"):
            await task
    assert time.monotonic() - began < 5


async def test_event_given_up_before_it_was_sent_is_never_stored(inbox: SlowInbox) -> None:
    acceptor = Acceptor(inbox, batch=100, timeout=0.05)
    tasks = [*await submit(acceptor, 1), *await submit(acceptor, 2)]
    await all_given_up(tasks)
    inbox.gate.set()
    assert await acceptor.accept(event(3)) is True
    assert inbox.calls == [["evt_1"], ["evt_3"]]


async def test_nothing_is_sent_when_all_who_waited_gave_up(inbox: SlowInbox) -> None:
    acceptor = Acceptor(inbox, batch=100, timeout=0.05)
    await all_given_up([*await submit(acceptor, 1), *await submit(acceptor, 2)])
    inbox.gate.set()
    await until(lambda: acceptor._running is None)
    assert inbox.calls == [["evt_1"]]


@pytest.mark.parametrize("failure", [None, RedisConnectionError("gone")])
async def test_answer_that_comes_too_late_changes_nothing(inbox: SlowInbox, failure: Exception | None) -> None:
    acceptor = Acceptor(inbox, batch=100, timeout=0.05)
    if failure:
        inbox.failures[0] = failure
    [late] = await submit(acceptor, 1)
    with pytest.raises(InboxUnavailable, match="did not answer in time"):
        await late
    inbox.gate.set()
    await until(lambda: acceptor._running is None)


async def test_request_that_hung_up_while_waiting_is_not_stored(acceptor: Acceptor, inbox: SlowInbox) -> None:
    first = await submit(acceptor, 1)
    gone, stays = await submit(acceptor, 2, 3)
    gone.cancel()
    inbox.gate.set()
    assert await asyncio.gather(*first, stays) == [True, True]
    assert inbox.stored == {"evt_1", "evt_3"}
