"""What every part of the benchmark is given."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.machine import Usage
from tests.bench.size import Size


@dataclass
class Bench:
    """A run.

    Attributes:
        size: how much to measure.
        figures: what earlier parts found, by the names of FIGURES.
        others: the share of the machine that others used during each measurement.
    """

    size: Size
    figures: dict[str, float] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Note what others do to the machine meanwhile."""
        before = Usage.now()
        yield
        self.others.append(before.others_since())

    def say(self, line: str) -> None:
        """Tell who waits what was done."""
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)
