"""`make chaos`: every fault once, or N drawn at random; a line for each, and a table of all."""

import argparse
import fnmatch
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Self

from tests.chaos.database import DATABASES
from tests.chaos.faults import FAULTS, CannotStrike, Missed
from tests.chaos.round import strike
from tests.chaos.stage import Stage
from tests.sql_server import KIND

# Comparing everything takes longer with every event, and a year of them proves no more than a day.
ROUNDS_ON_ONE_STAGE = 12
SHOWN = 20  # findings of a round


def main() -> int:
    """Return 1 if anything was lost or doubled, or a named fault did not strike."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # what is mounted and started is put away
    chosen = [name for name in FAULTS if any(fnmatch.fnmatch(name, pattern) for pattern in options.faults.split(","))]
    if not chosen:
        print(f"no fault {options.faults}; there are: {', '.join(FAULTS)}")
        return 2
    print(f"seed={options.seed}", flush=True)
    random = Random(options.seed)
    chaos = Chaos(random, options.database, options.lasting, options.without)
    with chaos:
        for name in random.choices(chosen, k=options.count) if options.count else chosen:
            chaos.round(name)
    print(*chaos.table(), chaos.summary(), sep="\n")
    return 1 if chaos.failed else 0


class Chaos:
    """Rounds on one stage after the other, and what came of them."""

    def __init__(self, random: Random, database: str, lasting: float, without: str | None) -> None:
        self._random, self._database, self._lasting, self._without = random, database, lasting, without
        self._stack = ExitStack()
        self._stage: Stage | None = None
        self._left = 0
        self._events = self._lost = self._doubled = self._missed = 0
        self._seconds = defaultdict[str, list[float]](list)
        self._kept: set[Path] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def failed(self) -> bool:
        return bool(self._lost or self._doubled or self._missed)

    def round(self, name: str) -> None:
        """Let a fault strike, and print what came of it."""
        stage = self._ready_stage()
        try:
            done = strike(stage, FAULTS[name])
        except (Missed, CannotStrike) as reason:
            self._missed += isinstance(reason, Missed)
            print(f"fault={name} skipped: {reason}", flush=True)
            return
        print(done.line(name), *(done.wrong + done.doubled)[:SHOWN], sep="\n  ", flush=True)
        self._events, self._left = self._events + done.events, self._left - 1
        self._seconds[name].append(done.seconds)
        self._lost += len(done.wrong)
        self._doubled += len(done.doubled)
        if done.wrong or done.doubled:
            self._left = 0  # what is wrong would be found again after every later fault
            self._kept.add(self._logs)
            print(f"  logs: {self._logs}", flush=True)

    def table(self) -> Iterator[str]:
        """Say of each fault how often it struck, and how long the slowest recovery took."""
        yield f"\n{'fault':40} times  slowest_s"
        for name, seconds in sorted(self._seconds.items()):
            yield f"{name:40} {len(seconds):5}  {max(seconds):9.1f}"

    def summary(self) -> str:
        struck = [seconds for one in self._seconds.values() for seconds in one]
        counts = f"faults={len(struck)} events={self._events} lost={self._lost} doubled={self._doubled}"
        return f"{counts} slowest_s={max(struck, default=0):.1f}"

    def _remove(self, logs: Path) -> None:
        if logs not in self._kept:
            shutil.rmtree(logs)

    def _ready_stage(self) -> Stage:
        if self._stage is None or self._left <= 0:
            self._stack.close()
            self._logs = Path(tempfile.mkdtemp(prefix="chaos-"))
            self._stack.callback(self._remove, self._logs)
            database = DATABASES[self._database]()
            stage = Stage(self._logs, self._random, database, lasting=self._lasting, without=self._without)
            self._stage = self._stack.enter_context(stage)
            self._left = ROUNDS_ON_ONE_STAGE
        return self._stage


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--count", type=int, default=0, help="so many at random; without it: each fault once")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--faults", default="*", help="names or patterns, with commas: kill.*,stop.redis")
    parser.add_argument(
        "--database", choices=DATABASES, default=[*DATABASES][bool(KIND)], help="mssql, if TEST_MSSQL_URL is set"
    )
    parser.add_argument("--lasting", type=float, default=30, help="seconds of a fault that is not over at once")
    parser.add_argument("--without", help="a protection to take away, to see the suite fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
