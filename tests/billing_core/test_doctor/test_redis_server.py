"""Real Redis with wrong settings: each is named, and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from billing_core.doctor.redis_server import examine_redis
from billing_core.finding import Finding, Level
from tests.embedded.redis_server import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    """A connection to a Redis whose settings the test may change."""
    with Redis.from_url(server.url) as redis:
        before = redis.config_get("append*", "maxmemory", "maxmemory-policy")
        yield redis
        for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy"):
            redis.config_set(name, before[name])


def found(redis: Redis, check: str, *, production: bool = False) -> Finding:
    (finding,) = [one for one in examine_redis(redis, production=production) if one.check == check]
    return finding


def test_our_redis_conf_is_sound(redis: Redis) -> None:
    findings = examine_redis(redis, production=False)
    assert {one.level for one in findings} == {Level.OK}
    assert [one.check for one in findings] == ["Redis", "Redis keeps events", "Redis memory", "Redis' clock"]


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("appendfsync", "no"), ("maxmemory-policy", "allkeys-lru")]
)
def test_redis_that_may_lose_events_fails(redis: Redis, name: str, value: str) -> None:
    redis.config_set(name, value)
    finding = found(redis, "Redis keeps events")
    assert (finding.level, finding.found) == (Level.FAIL, f"not durable: {name} is {value}")
    assert "config/redis.conf" in finding.do


def test_redis_that_syncs_every_second_is_worth_a_warning(redis: Redis) -> None:
    redis.config_set("appendfsync", "everysec")
    assert found(redis, "Redis keeps events").level is Level.WARN


def test_redis_that_hides_its_settings_is_worth_a_warning(redis: Redis, server: RedisServer) -> None:
    redis.acl_setuser(
        "managed", enabled=True, passwords=["+pw"], categories=["+@all"], commands=["-config"], keys=["*"]
    )
    try:
        with Redis.from_url(server.url.replace("redis://", "redis://managed:pw@")) as managed:
            finding = found(managed, "Redis keeps events")
    finally:
        redis.acl_deluser("managed")
    assert finding.level is Level.WARN
    assert finding.found.startswith("appendonly=yes maxmemory-policy=noeviction; the rest is hidden")


def test_missing_limit_is_worth_a_warning_in_production_only(redis: Redis) -> None:
    assert found(redis, "Redis memory").level is Level.OK
    finding = found(redis, "Redis memory", production=True)
    assert (finding.level, finding.found.rpartition("; ")[2]) == (Level.WARN, "no maxmemory")


@pytest.mark.parametrize(("share", "level"), [(0.5, Level.OK), (0.85, Level.WARN), (0.999, Level.FAIL)])
def test_memory_that_ends_is_told(redis: Redis, share: float, level: Level) -> None:
    redis.config_set("maxmemory", int(redis.info()["used_memory"] / share))
    assert found(redis, "Redis memory", production=True).level is level


def test_replica_takes_no_writes(redis: Redis, tmp_path: Path) -> None:
    with RedisServer(tmp_path) as second, Redis.from_url(second.url) as replica:
        replica.replicaof("127.0.0.1", redis.connection_pool.connection_kwargs["port"])
        finding = found(replica, "Redis")
    assert finding.level is Level.FAIL
    assert finding.found.endswith("is a replica, which takes no writes")


def test_redis_that_is_away_is_one_finding(closed_port: int) -> None:
    with Redis(port=closed_port, retry=Retry(NoBackoff(), 0)) as nobody:
        (finding,) = examine_redis(nobody, production=False)
    assert (finding.check, finding.level, finding.found) == ("Redis", Level.FAIL, "away: ConnectionError")
