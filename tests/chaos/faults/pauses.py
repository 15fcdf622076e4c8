"""SIGSTOP: a process stands still, its connections stay open, and then it goes on as if nothing had been."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.faults.fault import Fault
from tests.chaos.stage import Stage


def _paused(name: str) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        process = stage.processes[name]
        process.pause()
        time.sleep(stage.lasting)
        process.resume()
        yield

    return Fault(strike)


PAUSES = {
    "stop.web": _paused("web"),
    "stop.worker": _paused("worker"),
    "stop.beat": _paused("beat"),
    "stop.redis": _paused("redis"),
    "stop.database": _paused("database"),
}
