"""The database goes away under load, is stopped or killed, and comes back. `DB_AWAY` sets for how many seconds.

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
from tests.chaos.proxy import proxied
from tests.embedded.postgres_server import PostgresServer
from tests.kinds import SERVERS, empty_database
from tests.system.load import CUSTOMER, Load
from tests.system.service import Service

AWAY = float(os.environ.get("DB_AWAY", "8"))
PAUSE = 0.12  # s between two posts of a sender: some 30 events a second, which leaves the machine to other tests, too
WARM = 100  # events, after which the worker has imported and cached what it will ever need
GROWTH = 1.2  # of the worker's memory
DRAINED = 180  # s, for a loaded machine; a quiet one needs a few

defaults = Settings(env="test")
IN_HAND = defaults.worker_concurrency * PREFETCH_PER_THREAD + len(QUEUES)  # messages; one more a queue may be in flight


class Sample(NamedTuple):
    """Where the work is at one moment: bytes of the worker's memory, messages in its hands, events in Redis' inbox."""

    memory: int
    held: int
    waiting: int


class Outage(NamedTuple):
    """What was seen of one: how the worker stood before, meanwhile and afterwards, and seconds until all was done."""

    before: Sample
    meanwhile: list[Sample]
    after: Sample
    accepted: int
    drained: float


class Server(NamedTuple):
    """What can go away and come back, and where its database is."""

    url: str
    stop: Callable[[], None]
    kill: Callable[[], None]
    start: Callable[[], None]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "postgres":
        with PostgresServer() as postgres:
            yield Server(postgres.create_database("billing"), postgres.stop, postgres.kill, postgres.start)
    else:  # not ours to stop: it is the way there that ends
        with empty_database(request, request.param) as url, proxied(url) as (through, proxy):
            yield Server(through, proxy.refuse, proxy.refuse, proxy.accept)


@pytest.mark.timeout(180 + 2 * (AWAY + DRAINED))
def test_while_the_database_is_away_everything_waits_in_redis_and_drains_by_itself_when_it_is_back(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.system.load.PAUSE", PAUSE)
    with Service(tmp_path, server.url) as service:
        service.own([CUSTOMER])
        load = Load(service)
        stopped = _outlast(service, load, server.stop, server.start, AWAY)
        killed = _outlast(service, load, server.kill, server.start, AWAY / 3)
        assert set(service.recorded().values()) == {"applied"}
    for outage in (stopped, killed):
        assert max(sample.held for sample in outage.meanwhile) <= IN_HAND
        assert outage.meanwhile[-1].waiting > outage.accepted / 2
        assert max(sample.memory for sample in (*outage.meanwhile, outage.after)) < stopped.before.memory * GROWTH


def _outlast(
    service: Service, load: Load, leave: Callable[[], None], come_back: Callable[[], None], seconds: float
) -> Outage:
    with load.running():
        _wait_until_warm(service, len(load.accepted) + WARM)
        before, accepted = _sample(service), len(load.accepted)
        leave()
        meanwhile = list(_samples(service, seconds))
        accepted = len(load.accepted) - accepted
        come_back()
    began = time.monotonic()
    missing = service.missing_after(load.accepted, DRAINED)
    drained = time.monotonic() - began
    assert not missing, f"{len(missing)} of {len(load.accepted)} lost: {sorted(missing)[:5]}"
    outage = Outage(before, meanwhile, _sample(service), accepted, drained)
    print(f"away_s={seconds:.0f} {accepted=} lost=0 {drained=:.1f} {before} {meanwhile[-1]} {outage.after}")
    return outage


def _wait_until_warm(service: Service, events: int) -> None:
    deadline = time.monotonic() + 120
    while len(service.recorded()) < events:
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
        waiting = [redis.zcard(f"{defaults.queue_prefix}inbox:{family}") for family in Family]
    return Sample(psutil.Process(service.worker.pid).memory_info().rss, int(held), sum(map(int, waiting)))
