"""The clock of one host is five minutes off, until everything is calm again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.faults.fault import Fault
from tests.chaos.stage import Stage
from tests.system.mortal.processes import CLOCK

OFF = 300  # s


def _off(name: str, seconds: int, *, until_calm: bool = True) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        stage.restart_with(name, **{CLOCK: str(seconds)})
        time.sleep(stage.lasting)
        if not until_calm:
            stage.restart_with(name, **{CLOCK: str(0)})
        yield
        if until_calm:
            stage.restart_with(name, **{CLOCK: str(0)})

    return Fault(strike)


@contextmanager
def _off_while_retrying(stage: Stage) -> Iterator[None]:
    """The moment of a retry is written by one worker's clock and read by another's."""
    stage.restart_with("worker", **{CLOCK: str(OFF)})
    stage.fake.faults.down = True
    time.sleep(stage.lasting)
    stage.fake.faults.clear()
    yield
    stage.restart_with("worker", **{CLOCK: "0"})


CLOCKS = {
    "clock.worker_fast": _off("worker", OFF),
    "clock.worker_fast_retrying": Fault(_off_while_retrying),
    "clock.worker_slow": _off("worker", -OFF),
    "clock.beat_fast": _off("beat", OFF),
    "clock.beat_slow": _off("beat", -OFF),
    # Signatures are as old as that, or from the future: refused, and sent again by Stripe when the clock is right.
    "clock.web_fast": _off("web", OFF + 5, until_calm=False),
    "clock.web_slow": _off("web", -OFF - 5, until_calm=False),
}
