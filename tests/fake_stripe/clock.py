"""The fake account's time: real time from a chosen start, at a chosen rate, plus every advance."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

Action = Callable[[], None]


class Clock:
    """Tells the time and runs what is due, each thing at its own moment.

    `rate` is fake seconds per real second; 0 stands still until advanced.
    """

    def __init__(self, start: float, rate: float, lock: threading.RLock) -> None:
        self._base = start
        self._origin = time.monotonic()
        self._rate = rate
        self._frozen: float | None = None
        self._lock = lock
        self._due: list[tuple[float, int, Action]] = []
        self._numbers = count()
        self.between: Action = lambda: None

    def now(self) -> float:
        """Return the moment in Unix seconds."""
        with self._lock:
            if self._frozen is not None:
                return self._frozen
            return self._base + (time.monotonic() - self._origin) * self._rate

    def timestamp(self) -> int:
        """Return the moment as Stripe writes it: whole Unix seconds."""
        return int(self.now())

    def datetime(self) -> datetime:
        """Return the moment as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def next_due(self) -> float | None:
        """When the next scheduled thing happens, if anything is scheduled."""
        with self._lock:
            return self._due[0][0] if self._due else None

    def at(self, due: float, action: Action) -> None:
        """Run `action` when the clock reaches `due`."""
        with self._lock:
            heapq.heappush(self._due, (due, next(self._numbers), action))

    def tick(self) -> None:
        """Run whatever has become due by now."""
        while self._run_next(self.now()):
            pass

    def advance(
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        settle: bool = False,
    ) -> float:
        """Move time forward, running what falls due on the way in time order; return the new moment.

        `settle` lets webhook attempts in flight end before the next moment comes.
        """
        step = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        target = self.now() + step
        while self._run_next(target):
            if settle:
                self.between()
        with self._lock:
            self._move_to(target)
        return self.now()

    @contextmanager
    def frozen(self, at: float | None = None) -> Iterator[None]:
        """Hold the clock still, so that everything one request or job does has one moment."""
        with self._lock:
            outer = self._frozen
            if outer is None or at is not None:
                self._frozen = self.now() if at is None else at
            try:
                yield
            finally:
                self._frozen = outer

    def _run_next(self, until: float) -> bool:
        with self._lock:
            if self._frozen is not None or not self._due or self._due[0][0] > until:
                return False
            due, _, action = heapq.heappop(self._due)
            self._move_to(due)
            with self.frozen(at=due):
                action()
            return True

    def _move_to(self, moment: float) -> None:
        behind = moment - self.now()
        if behind > 0:
            self._base += behind
