"""A worker's heartbeat, from the loop that takes messages: a worker whose loop hangs falls silent though it lives."""

from typing import Any

from celery import bootsteps

from billing_core.heartbeats import Role
from billing_core.pulse import Pulse
from workers.app import app, settings
from workers.keys import follow

# A consumer of Celery's goes from RUN to these; while it only looks for Redis again, it stays at RUN.
ENDING = {bootsteps.CLOSE, bootsteps.TERMINATE}  # type: ignore[attr-defined]  # celery-types lacks them


class ConsumerHeartbeat(bootsteps.StartStopStep):
    """Beats as long as the consumer's loop turns."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._pulse = Pulse(Role.WORKER, settings)
        self._timers: list[Any] = []

    def start(self, consumer: Any) -> None:
        """Begin; the consumer starts anew after every loss of its connection."""
        timer = consumer.timer
        self._timers = [
            timer.call_after(0, self._beat, (consumer,)),
            timer.call_repeatedly(settings.heartbeat_interval, self._beat, (consumer,)),
        ]

    def stop(self, consumer: Any) -> None:
        """Fall silent; a worker that ends says so."""
        for entry in self._timers:
            entry.cancel()
        if consumer.blueprint.state in ENDING:
            self._pulse.end()

    def terminate(self, consumer: Any) -> None:
        """End at once."""
        self.stop(consumer)

    def _beat(self, consumer: Any) -> None:
        follow(self._pulse)
        if consumer.task_consumer:
            self._pulse.beat([queue.name for queue in consumer.task_consumer.queues])


app.steps["consumer"].add(ConsumerHeartbeat)
