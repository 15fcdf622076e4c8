"""Half-open sockets: whatever is sent over a connection that is open now goes nowhere, and nobody says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.faults.fault import Fault, Missed
from tests.chaos.stage import Stage

PATIENCE = 20  # s until a connection is open


def _half_open(name: str) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        while not stage.service.proxies[name].freeze():
            if time.monotonic() > deadline:
                raise Missed(f"no connection to {name} was open for {PATIENCE} s")
            time.sleep(0.01)
        time.sleep(stage.lasting)
        yield

    return Fault(strike)


SOCKETS = {f"half_open.{name}": _half_open(name) for name in ("redis", "database", "stripe", "web")}
