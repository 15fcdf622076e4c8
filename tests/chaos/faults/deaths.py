"""kill -9: of each process at any moment, and at each boundary of both paths."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.faults.fault import Fault, Missed
from tests.chaos.stage import Stage

PATIENCE = 20  # s until somebody gets to the boundary
DOWN = 1.0  # s at most until the supervisor starts it again


def _killed(*names: str) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        for name in names:
            stage.processes[name].kill()
        time.sleep(stage.random.uniform(0, DOWN))
        stage.revive()
        yield

    return Fault(strike)


def _dies(boundary: str) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        _wait_for_death(stage, boundary)
        yield

    return Fault(strike)


@contextmanager
def _dies_before_retry(stage: Stage) -> Iterator[None]:
    """An event is put off where Stripe does not answer."""
    stage.fake.faults.down = True
    try:
        _wait_for_death(stage, "before_retry")
    finally:
        stage.fake.faults.clear()
    yield


def _wait_for_death(stage: Stage, boundary: str) -> None:
    stage.order.give(boundary)
    deadline = time.monotonic() + PATIENCE
    while stage.order.waiting:
        if time.monotonic() > deadline:
            stage.order.take_back()
            raise Missed(f"nobody came to {boundary} within {PATIENCE} s")
        time.sleep(0.02)
    time.sleep(stage.random.uniform(0, DOWN))  # the others go on; the supervisor comes later


DEATHS = {
    "kill.web": _killed("web"),
    "kill.worker": _killed("worker"),
    "kill.workers": _killed("worker", "second_worker"),
    "kill.beat": _killed("beat"),
    "kill.redis": _killed("redis"),
    "kill.database": _killed("database"),
    "kill.everything": _killed("web", "worker", "second_worker", "beat", "redis", "database"),
    # The path of an event.
    "web.before_accept": _dies("before_accept"),
    "web.after_accept": _dies("after_accept"),
    "worker.after_take": _dies("after_take"),
    "worker.after_claim": _dies("after_claim"),
    "worker.before_commit": _dies("before_event_commit"),
    "worker.before_linking": _dies("before_linking"),
    "worker.before_settle": _dies("before_settle"),
    "worker.after_settle": _dies("after_settle"),
    "worker.before_retry": Fault(_dies_before_retry),
    "worker.after_sweep": _dies("after_sweep"),
    "beat.before_send": _dies("before_beat"),
    # The path of a command.
    "command.before_record": _dies("before_record"),
    "command.after_record": _dies("after_record"),
    **{
        f"command.{boundary}.{step}": _dies(f"{boundary} {step}")
        for boundary in ("before_call", "after_call", "before_commit")
        for step in ("customer", "payment_method", "subscription")
    },
}
