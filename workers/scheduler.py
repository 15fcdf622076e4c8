"""beat's scheduler: Celery's own, in memory, that says so as long as it ticks."""

import time
from typing import Any

from celery.beat import Scheduler

from billing_core.heartbeats import Role
from workers.app import settings
from workers.pulse import Pulse


class BeatingScheduler(Scheduler):
    """Beats between ticks, which `beat_max_loop_interval` keeps frequent."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._pulse = Pulse(Role.BEAT, settings)
        self._next_beat = 0.0
        super().__init__(*args, **options)

    def tick(self, *args: Any, **options: Any) -> float:
        """Do what is due."""
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + settings.heartbeat_interval
            self._pulse.beat()
        return super().tick(*args, **options)

    def close(self) -> None:
        """End in order."""
        self._pulse.end()
        super().close()
