"""An operator at the `billing` command, and a worker in a thread: on one Redis and one database, all real."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, NamedTuple
from unittest.mock import patch

from redis import Redis

from billing_core.cli import main
from billing_core.inbox import AcceptedEvent, Keys
from billing_core.models import BillingEvent
from config.queues import Family
from tests.scripted_stripe import ScriptedStripe
from tests.stores import row
from workers.batch import work_off
from workers.runtime import Runtime


class Answer(NamedTuple):
    """What the command said: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> Any:
        return json.loads(self.out)


def billing(*arguments: str) -> Answer:
    """Run the command in this process, from its entry point on."""
    out, err, code = StringIO(), StringIO(), 0
    with patch.object(sys, "argv", ["billing", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = _code(end, err)
    return Answer(code, out.getvalue(), err.getvalue())


def _code(end: SystemExit, err: StringIO) -> int:
    """Do as Python does at the end of a process: a text goes to stderr."""
    if isinstance(end.code, str):
        err.write(f"{end.code}\n")
        return 1
    return end.code or 0


@dataclass(frozen=True)
class Operation:
    """What the operator looks after."""

    redis: Redis
    here: Runtime
    stripe: ScriptedStripe

    def accept(self, bodies: dict[str, bytes], family: Family = Family.INVOICE) -> None:
        self.here.inbox.accept_again([AcceptedEvent(event_id, family, body) for event_id, body in bodies.items()])

    def handle(self, bodies: dict[str, bytes], family: Family = Family.INVOICE) -> None:
        """Let events come in and be worked off."""
        self.accept(bodies, family)
        self.work()

    def work(self) -> int:
        """Work off what is queued, as Celery's worker would, and return how many messages there were."""
        return sum(self._work_off(family) for family in Family)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work off whatever comes until the block ends."""
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                if not self.work():
                    stop.wait(0.01)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def queued(self) -> list[str]:
        """Return the IDs that wait in the queues."""
        keys = Keys(self.here.settings.queue_prefix)
        messages = [one for family in Family for one in reversed(self.redis.lrange(keys.queue(family), 0, -1))]
        return [event_id for message in messages for event_id in _event_ids(message)]

    def event(self, event_id: str) -> Any:
        """Return the event's row."""
        return row(self.here.database, BillingEvent, stripe_event_id=event_id)

    def _work_off(self, family: Family) -> int:
        message: Any = self.redis.rpop(Keys(self.here.settings.queue_prefix).queue(family))
        if message is None:
            return 0
        work_off(self.here, family, _event_ids(message))
        return 1


def _event_ids(message: bytes | str) -> list[str]:
    arguments, *_ = json.loads(json.loads(message)["body"])
    event_ids: list[str] = arguments[0]
    return event_ids
