"""PostgreSQL goes away under load, is stopped or killed, and comes back. `DB_AWAY` sets for how many seconds.

Events go on being accepted meanwhile. They must wait in Redis: a worker that took them all up for a later retry would
grow with the outage.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from redis import Redis

from config.celery import PREFETCH_PER_THREAD
from config.queues import QUEUES, Family
from config.settings import Settings
from tests.embedded.postgres_server import PostgresServer
from tests.system.load import CUSTOMER, Load
from tests.system.service import Service

AWAY = float(os.environ.get("DB_AWAY", "12"))
PAUSE = 0.05  # s between two posts of a sender: some 70 events a second, which leaves the machine to other tests, too
WARM = 400  # events, after which the worker has imported and cached what it will ever need
GROWTH = 1.2  # of the worker's memory
DRAINED = 60  # s, the promise: until the backlog is gone

defaults = Settings(env="test")
IN_HAND = defaults.worker_concurrency * PREFETCH_PER_THREAD + len(QUEUES)  # messages; one more a queue may be in flight


class Sample(NamedTuple):
    """Where the work is at one moment: bytes of the worker's memory, messages in its hands, messages in Redis."""

    memory: int
    held: int
    queued: int


@pytest.mark.timeout(120 + AWAY + DRAINED)
@pytest.mark.parametrize(
    ("leave", "seconds"), [(PostgresServer.stop, AWAY), (PostgresServer.kill, AWAY / 3)], ids=["stopped", "killed"]
)
def test_while_the_database_is_away_everything_waits_in_redis_and_drains_by_itself_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: Callable[[PostgresServer], None], seconds: float
) -> None:
    monkeypatch.setattr("tests.system.load.PAUSE", PAUSE)
    with PostgresServer() as postgres, Service(tmp_path, postgres.create_database("billing")) as service:
        service.own([CUSTOMER])
        load = Load(service)
        with load.running():
            _wait_until_warm(service)
            before = _sample(service)
            accepted = len(load.accepted)
            leave(postgres)
            samples = list(_samples(service, seconds))
            postgres.start()
            accepted = len(load.accepted) - accepted
        began = time.monotonic()
        missing = service.missing_after(load.accepted, DRAINED)
        drained = time.monotonic() - began
        assert not missing, f"{len(missing)} of {len(load.accepted)} lost: {sorted(missing)[:5]}"
        assert set(service.recorded().values()) == {"applied"}
        after = [*samples, _sample(service)]
        print(f"away_s={seconds} accepted_meanwhile={accepted} lost=0 drained_s={drained:.1f} worker={before} -> {after[-2:]}")
    assert max(sample.held for sample in samples) <= IN_HAND
    assert samples[-1].queued > accepted / 2
    assert max(sample.memory for sample in after) < before.memory * GROWTH


def _wait_until_warm(service: Service) -> None:
    deadline = time.monotonic() + 60
    while len(service.recorded()) < WARM:
        assert time.monotonic() < deadline, "the worker is too slow"
        time.sleep(0.1)


def _samples(service: Service, seconds: float) -> Iterator[Sample]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        yield _sample(service)


def _sample(service: Service) -> Sample:
    with Redis.from_url(service.redis.url) as redis:
        held = redis.hlen(f"{defaults.queue_prefix}unacked")
        queued = [redis.llen(f"{defaults.queue_prefix}{family}") for family in Family]
    return Sample(psutil.Process(service.worker.pid).memory_info().rss, int(held), sum(map(int, queued)))
