"""beat's scheduler: Celery's own, in memory, that says so as long as it ticks."""

import time
from typing import Any

from celery.beat import Scheduler

from billing_core.heartbeats import Role
from billing_core.pulse import Pulse
from config.celery import beat_schedule
from workers.app import settings


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
            if schedule := self._pulse.changed_keys(beat_schedule):  # with a first key there is more to do
                self.merge_inplace(schedule)  # type: ignore[arg-type]  # it takes what the setting takes
            self._pulse.beat()
        return super().tick(*args, **options)

    def close(self) -> None:
        """End in order."""
        self._pulse.end()
        super().close()
