"""Stripe delivers twice and three times, and in no order."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.faults.fault import Fault
from tests.chaos.stage import Stage

COPIES = 3


@contextmanager
def _duplicated(stage: Stage) -> Iterator[None]:
    stage.fake.delivery.options.copies = COPIES
    time.sleep(stage.lasting)
    stage.fake.delivery.options.copies = 1
    yield


@contextmanager
def _reordered(stage: Stage) -> Iterator[None]:
    delivery = stage.fake.delivery
    delivery.pause()
    time.sleep(stage.lasting)
    delivery.release("shuffle", seed=stage.random.getrandbits(32))
    delivery.resume()
    yield


DELIVERIES = {
    "delivery.duplicated": Fault(_duplicated),
    "delivery.reordered": Fault(_reordered),
}
