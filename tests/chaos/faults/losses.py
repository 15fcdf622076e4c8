"""What was accepted is gone, or never came: queues, all of Redis' data, deliveries.

The sweep finds what the inbox still has; the rest only gap fill can find, at Stripe.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from billing_core.inbox import Keys
from config.celery import create_celery
from config.queues import FILL_GAPS_TASK, Family
from config.settings import Settings
from tests.chaos.faults.fault import Fault, Missed
from tests.chaos.stage import Stage
from tests.system.service import PREFIX

NEVER = 20  # deliveries that nobody will ever retry
PATIENCE = 20  # s until so many were due


@contextmanager
def _flushed(stage: Stage) -> Iterator[None]:
    with stage.backlog(), Redis.from_url(stage.service.redis.url) as redis:
        redis.flushall()
    _fill_gaps(stage)
    yield


@contextmanager
def _purged(stage: Stage) -> Iterator[None]:
    """Somebody empties Celery's queues, what workers hold included: the inbox still has it all."""
    keys = Keys(PREFIX)
    with stage.backlog(), Redis.from_url(stage.service.redis.url) as redis:
        redis.delete(*map(keys.queue, Family), keys.unacked, keys.unacked_index)
    yield


@contextmanager
def _process_killed(stage: Stage) -> Iterator[None]:
    """Redis is killed while events wait in it: its append-only file has them."""
    with stage.backlog():
        stage.service.redis.kill()
        stage.service.redis.start()
    yield


@contextmanager
def _disk_lost(stage: Stage) -> Iterator[None]:
    redis = stage.service.redis
    with stage.backlog():
        redis.kill()
        shutil.rmtree(redis.directory / "appendonlydir")
        redis.start()
    _fill_gaps(stage)
    yield


@contextmanager
def _never_delivered(stage: Stage) -> Iterator[None]:
    options = stage.fake.delivery.options
    options.drop_next = NEVER
    deadline = time.monotonic() + PATIENCE
    while options.drop_next:
        if time.monotonic() > deadline:
            raise Missed(f"fewer than {NEVER} events in {PATIENCE} s")
        time.sleep(0.05)
    _fill_gaps(stage)
    yield


def _fill_gaps(stage: Stage) -> None:
    """Let a worker do now what beat orders every five minutes."""
    sender = create_celery(Settings(env="test", redis_url=stage.service.redis.url))
    sender.send_task(FILL_GAPS_TASK)
    sender.close()


LOSSES = {
    "lost.redis_process": Fault(_process_killed),
    # No commands: one that a service sent to Redis, and that no worker has put on record, is lost with Redis.
    "lost.queues": Fault(_purged, commands=False),
    "lost.redis_flushed": Fault(_flushed, commands=False),
    "lost.redis_disk": Fault(_disk_lost, commands=False),
    "lost.deliveries": Fault(_never_delivered),
}
