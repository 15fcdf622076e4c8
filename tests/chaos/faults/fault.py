"""What a fault is, and how it may fail to strike."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from tests.chaos.stage import Stage

Strike = Callable[[Stage], AbstractContextManager[None]]


class Missed(Exception):
    """The fault did not strike: what it waits for did not come."""


class CannotStrike(Exception):
    """It cannot be done on this machine, or to this release; the text says why."""


class Fault(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        strike: does it. What it does before its `yield` happens while life goes on, what comes after it once all is
            calm again.
        commands: whether backend services go on sending commands meanwhile.
    """

    strike: Strike
    commands: bool = True
