"""Counters of many processes, on a real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from redis import Redis, RedisError

from billing_core.cli.runtime import _tell_counts
from billing_core.histogram import Histogram
from billing_core.totals import Teller, Totals
from config.settings import Settings
from tests.embedded.redis_server import RedisServer

PREFIX = "{billing}:"


class Process:
    """What one process counts; each has the same metrics."""

    def __init__(self, redis: Redis) -> None:
        registry = CollectorRegistry()
        self.deliveries = Counter("deliveries", "Deliveries.", ["family"], registry=registry)
        self.seconds = Histogram("seconds", "Their time.", (0.5, 2.0), registry=registry)
        self.totals = Totals(redis, PREFIX, registry)

    def shown(self) -> dict[str, float]:
        """Return the text that Prometheus gets, by sample."""
        asked = CollectorRegistry()
        asked.collect = self.totals.ask  # type: ignore[method-assign]  # as ingest.metrics does
        lines = [line.rpartition(" ") for line in generate_latest(asked).decode().splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def processes(redis: Redis) -> tuple[Process, Process]:
    return Process(redis), Process(redis)


def test_each_process_tells_the_sum_of_all(processes: tuple[Process, Process]) -> None:
    first, second = processes
    first.deliveries.labels("invoice").inc(2)
    first.totals.tell()
    second.deliveries.labels("invoice").inc(3)
    second.deliveries.labels("refund").inc()
    second.totals.tell()
    expected = {'deliveries_total{family="invoice"}': 5.0, 'deliveries_total{family="refund"}': 1.0}
    assert first.shown().items() >= expected.items()
    assert second.shown().items() >= expected.items()


def test_histograms_add_up_by_bucket(processes: tuple[Process, Process]) -> None:
    first, second = processes
    first.seconds.observe([0.1, 1.0])
    second.seconds.observe([0.25, 7.0])
    second.totals.tell()
    shown = {name: value for name, value in first.shown().items() if name.startswith("seconds")}
    assert list(shown) == [
        'seconds_bucket{le="0.5"}',
        'seconds_bucket{le="2.0"}',
        'seconds_bucket{le="+Inf"}',
        "seconds_count",
        "seconds_sum",
    ]
    assert list(shown.values()) == [2.0, 3.0, 4.0, 4.0, 8.35]


def test_what_a_dead_process_told_stays_counted(redis: Redis, processes: tuple[Process, Process]) -> None:
    dead, living = processes
    dead.deliveries.labels("invoice").inc(2)
    dead.totals.tell()
    successor = Process(redis)
    successor.deliveries.labels("invoice").inc()
    assert successor.shown()['deliveries_total{family="invoice"}'] == 3.0
    assert living.shown()['deliveries_total{family="invoice"}'] == 3.0


def test_what_never_happened_is_shown_as_zero(processes: tuple[Process, Process]) -> None:
    first, second = processes
    first.deliveries.labels("invoice")
    first.totals.tell()
    assert second.shown()['deliveries_total{family="invoice"}'] == 0.0


def test_report_whose_answer_was_lost_is_counted_once(
    redis: Redis, processes: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = processes
    first.deliveries.labels("invoice").inc()
    count = first.totals._count

    def lost(*args: object, **options: object) -> None:
        count(*args, **options)  # type: ignore[arg-type]
        raise RedisError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(first.totals, "_count", lost)
        with pytest.raises(RedisError):
            first.totals.tell()
    first.deliveries.labels("invoice").inc()
    assert first.shown()['deliveries_total{family="invoice"}'] == 2.0


def test_what_is_counted_while_redis_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server, Redis.from_url(server.url) as redis:
        process = Process(redis)
        server.kill()
        process.deliveries.labels("invoice").inc()
        with pytest.raises(RedisError):
            process.totals.tell()
        with pytest.raises(RedisError):
            process.totals.ask()
        server.start()
        assert process.shown()['deliveries_total{family="invoice"}'] == 1.0


def test_counts_of_a_metric_that_this_release_does_not_know_are_not_shown(
    redis: Redis, processes: tuple[Process, Process]
) -> None:
    redis.hset(f"{PREFIX}metrics", '["forgotten_total", {}]', "1")
    assert not [name for name in processes[0].shown() if name.startswith("forgotten")]


def test_teller_tells_by_itself_and_the_rest_when_it_is_stopped(processes: tuple[Process, Process]) -> None:
    first, second = processes
    teller = Teller(first.totals, interval=60)
    teller.start()
    first.deliveries.labels("invoice").inc()
    teller.stop()
    assert not teller.is_alive()
    assert second.shown()['deliveries_total{family="invoice"}'] == 1.0


def test_command_tells_what_it_counted_when_it_ends(redis: Redis, redis_url: str) -> None:
    _tell_counts(Settings(env="test", redis_url=redis_url))
    assert redis.hexists(f"{PREFIX}metrics", '["billing_webhooks_unavailable_total", {}]')


def test_command_ends_though_redis_is_away(closed_port: int) -> None:
    _tell_counts(Settings(env="test", redis_url=f"redis://127.0.0.1:{closed_port}/0"))
