"""Stripe delivers twice and three times, and in no order; Celery hands out a message twice."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from billing_core.inbox import Keys
from config.queues import Family
from tests.chaos.faults.fault import Fault, Missed
from tests.chaos.stage import Stage
from tests.convergence.history import USERS
from tests.fake_stripe.builders import call
from tests.system.service import PREFIX

COPIES = 3
CHANGED = 5  # customers
PATIENCE = 20  # s
UNTIL_ALL_HAVE_LOOKED = 1.5  # s: each finds that the event is not on record yet


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


@contextmanager
def _message_doubled(stage: Stage) -> Iterator[None]:
    """As when what a worker has is restored to its queue before the worker has finished: two apply it at once.

    Of events that are stale, since these write no row but the one in BillingEvents.
    """
    delivery = stage.fake.delivery
    delivery.pause()
    changes = [_change_twice(stage) for _ in range(CHANGED)]
    delivery.release([newer for _, newer in changes])
    _wait_until(lambda: {newer for _, newer in changes} <= stage.service.recorded().keys())
    queue, inbox = Keys(PREFIX).queue(Family.CUSTOMER), Keys(PREFIX).inbox(Family.CUSTOMER)
    with (
        stage.database.unwritable([older for older, _ in changes]),
        stage.backlog(),
        Redis.from_url(stage.service.redis.url) as redis,
    ):
        delivery.release([older for older, _ in changes])
        _wait_until(lambda: int(redis.zcard(inbox)) >= CHANGED)
        messages: Any = redis.lrange(queue, 0, -1)
        redis.rpush(queue, *map(_copy, messages))
        for worker in stage.workers:
            worker.resume()
        time.sleep(UNTIL_ALL_HAVE_LOOKED)
    delivery.resume()
    yield


def _change_twice(stage: Stage) -> tuple[str, str]:
    """Let a new customer change two times, a minute apart; return the IDs of the two events."""
    customer = call(stage.fake, "POST", "/v1/customers", metadata={"user_id": str(USERS[0])})["id"]
    for text in ("older", "newer"):
        stage.fake.clock.advance(minutes=1)
        call(stage.fake, "POST", f"/v1/customers/{customer}", description=text)
    events = stage.fake.events_of("customer.updated")
    older, newer = [event["id"] for event in events if event["data"]["object"]["id"] == customer]
    return older, newer


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Missed(f"what it needs did not come within {PATIENCE} s")
        time.sleep(0.05)


def _copy(message: bytes) -> str:
    copy = json.loads(message)
    copy["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(copy)


DELIVERIES = {
    "delivery.duplicated": Fault(_duplicated),
    "delivery.reordered": Fault(_reordered),
    "delivery.message_doubled": Fault(_message_doubled),
}
