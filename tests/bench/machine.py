"""Which machine this is, and whether it is quiet enough for its numbers to mean anything."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from tests.bench.percentiles import percentile

BUSY = 0.08  # share of the machine that others may take
SPREAD = 0.10  # by which the slowest of equal spins may exceed the median
_SPINS, _SPIN_STEPS = 9, 300_000
_SYNCS = 100


class Quietness(NamedTuple):
    """What others did to the machine meanwhile.

    Attributes:
        busy: share of all cores that was in use although we slept.
        spread: by how much the slowest of several equal spins exceeded the median.
        sync_ms: what a small write to disk takes until it is there.
    """

    busy: float
    spread: float
    sync_ms: float

    @property
    def quiet(self) -> bool:
        """Whether measurements mean something."""
        return self.busy <= BUSY and self.spread <= SPREAD

    def __str__(self) -> str:
        others = f"others used {self.busy:.0%} of it, equal spins differed by {self.spread:.0%}"
        return f"{others}, a sync took {self.sync_ms:.2f} ms"


class Usage(NamedTuple):
    """Seconds of processor time used so far, by us with all our children, and by everybody."""

    ours: float
    all: float
    moment: float

    @classmethod
    def now(cls) -> Self:
        """Look."""
        own = psutil.Process()
        ours = spent([own, *own.children(recursive=True)])
        times = psutil.cpu_times()
        return cls(ours, times.user + times.nice + times.system, time.monotonic())

    def others_since(self) -> float:
        """Return the share of the machine that others used since; what ended meanwhile counts as others."""
        now = Usage.now()
        used = (now.all - self.all) - (now.ours - self.ours)
        return max(used, 0.0) / ((now.moment - self.moment) * (os.cpu_count() or 1))


def describe() -> str:
    """Name the machine."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def look() -> Quietness:
    """Look for about two seconds."""
    busy = psutil.cpu_percent(interval=1.0) / 100
    spins = [_spin() for _ in range(_SPINS)]
    return Quietness(busy, max(spins) / statistics.median(spins) - 1, _sync() * 1000)


def wait_until_quiet(patience: float, say: Callable[[str], None]) -> Quietness:
    """Return as soon as the machine is quiet, or after `patience` seconds with a warning."""
    deadline = time.monotonic() + patience
    while not (seen := look()).quiet and time.monotonic() < deadline:
        say(f"the machine is not quiet: {seen}; waiting")
        time.sleep(5)
    if not seen.quiet:
        say(f"WARNING: the machine is not quiet: {seen}. Ratios of this run mean little, absolute numbers nothing.")
    return seen


def spent(processes: Iterable[psutil.Process]) -> float:
    """Return the processor time that processes have used so far, in seconds; none of one that has ended."""
    return sum(map(_used, processes))


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _spin() -> float:
    began = time.perf_counter()
    for _ in range(_SPIN_STEPS):
        pass
    return time.perf_counter() - began


def _sync() -> float:
    with tempfile.TemporaryFile(buffering=0) as file:
        took = []
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return percentile(took, 0.5)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
