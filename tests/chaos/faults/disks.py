"""A full disk: Redis cannot write its append-only file, the database cannot grow a table."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.chaos.disk import SmallDisk
from tests.chaos.faults.fault import CannotStrike, Fault
from tests.chaos.stage import Stage


def _full(disk_of: Callable[[Stage], SmallDisk | None]) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        disk = disk_of(stage)
        if disk is None or disk.cannot_fill:
            raise CannotStrike(disk.cannot_fill if disk and disk.cannot_fill else "the server's disk is not ours")
        disk.fill()
        time.sleep(stage.lasting)
        disk.empty()
        stage.revive()
        yield

    return Fault(strike)


DISKS = {
    "disk_full.redis": _full(lambda stage: stage.redis_disk),
    "disk_full.database": _full(lambda stage: stage.database.disk),
}
