"""Stripe's API is down, slow, or says 429 or 500."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.faults.fault import Fault
from tests.chaos.stage import Stage

_MANY = 1_000_000  # requests: until the fault is cleared


@contextmanager
def _down(stage: Stage) -> Iterator[None]:
    stage.fake.faults.down = True
    time.sleep(stage.lasting)
    stage.fake.faults.clear()
    yield


def _answering(**fault: Any) -> Fault:
    @contextmanager
    def strike(stage: Stage) -> Iterator[None]:
        stage.fake.faults.add(times=_MANY, **fault)
        time.sleep(stage.lasting)
        stage.fake.faults.clear()
        yield

    return Fault(strike)


STRIPE_TROUBLE = {
    "stripe.down": Fault(_down),
    "stripe.slow": _answering(latency_before=2.0),
    # Later than our timeout: whether Stripe did it is not known.
    "stripe.too_slow": _answering(latency_after=5.0),
    "stripe.answers_lost": _answering(drop=True),
    "stripe.429": _answering(status=429, retry_after=1),
    # Not kept under the idempotency key: else the same command would be told 500 for a day, as by the real Stripe.
    "stripe.500": _answering(status=500, stored=False),
}
