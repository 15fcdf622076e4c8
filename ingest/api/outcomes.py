"""Waiting for commands to end, on behalf of callers that prefer to."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from billing_core.commands import Command
from billing_core.errors import RetryLater

_FIRST_LOOK = 0.05  # s; a command takes one call to Stripe, some 0.3 s
_LAST_LOOK = 0.5
_SLOWER = 1.5


@dataclass(slots=True)
class _Watch:
    task: asyncio.Task[Command]
    waiting: int = 0


class Outcomes:
    """Looks at each awaited command from one place, however many callers wait for it."""

    def __init__(self, find: Callable[[str], Awaitable[Command | None]]) -> None:
        self._find = find
        self._watches: dict[str, _Watch] = {}

    async def ended(self, command_id: str, seconds: float) -> Command | None:
        """Return the command once it has ended, or None when it has not within this time."""
        watch = self._watches.get(command_id)
        if watch is None:
            watch = self._watches[command_id] = _Watch(asyncio.create_task(self._look(command_id)))
        watch.waiting += 1
        try:
            done, _ = await asyncio.wait({watch.task}, timeout=seconds)
        finally:
            watch.waiting -= 1
            if not watch.waiting:
                self._forget(command_id, watch)
        return watch.task.result() if done else None

    def _forget(self, command_id: str, watch: _Watch) -> None:
        watch.task.cancel()
        if self._watches.get(command_id) is watch:
            del self._watches[command_id]

    async def _look(self, command_id: str) -> Command:
        pause = _FIRST_LOOK
        while True:
            await asyncio.sleep(pause)
            try:
                command = await self._find(command_id)
            except RetryLater:
                command = None  # the command is on record: whoever waits gets its place there
            if command and command.status.final:
                return command
            pause = min(pause * _SLOWER, _LAST_LOOK)
