"""A full disk: Redis cannot write its append-only file, PostgreSQL cannot grow a table."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.chaos.disk import SmallDisk
from tests.chaos.faults.fault import CannotStrike, Fault
from tests.chaos.stage import Stage


def _full(disk_of: Callable[[Stage], SmallDisk]) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        if stage.cannot_fill:
            raise CannotStrike(stage.cannot_fill)
        disk = disk_of(stage)
        disk.fill()
        time.sleep(stage.lasting)
        disk.empty()
        stage.revive()
        yield

    return Fault(strike)


DISKS = {
    "disk_full.redis": _full(lambda stage: stage.redis_disk),
    "disk_full.postgres": _full(lambda stage: stage.postgres_disk),
}
