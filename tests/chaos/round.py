"""One round: life goes on, a fault strikes, and everything must become calm and equal again."""

import time
from contextlib import ExitStack
from typing import NamedTuple

from tests.chaos.faults import Fault
from tests.chaos.oracle import doubled, events, wait_until_calm
from tests.chaos.stage import Stage

RECOVERY = 60.0  # s, the promise
LEAD = (0.3, 1.2)  # s of life before the fault


class Round(NamedTuple):
    """What came of it.

    Attributes:
        events: that happened at Stripe meanwhile.
        seconds: from the end of the fault until all was calm.
        wrong: what is not as Stripe has it, or still on its way, when the promised time is over.
        doubled: what was done twice.
    """

    events: int
    seconds: float
    wrong: list[str]
    doubled: list[str]

    def line(self, fault: str) -> str:
        """Say it in one line."""
        return f"fault={fault} events={self.events} lost={len(self.wrong)} slowest_s={self.seconds:.1f}"


def strike(stage: Stage, fault: Fault) -> Round:
    """Let the fault strike at a moment drawn at random.

    Raises:
        Missed: what it waits for did not come.
        CannotStrike: not on this machine.
    """
    before = events(stage)
    with ExitStack() as in_force:
        with stage.life.going_on(commands=fault.commands):
            time.sleep(stage.random.uniform(*LEAD))
            in_force.enter_context(fault.strike(stage))
        began = time.monotonic()
        stage.link_strangers()
        wrong = wait_until_calm(stage, RECOVERY)
        return Round(events(stage) - before, time.monotonic() - began, wrong, doubled(stage))
