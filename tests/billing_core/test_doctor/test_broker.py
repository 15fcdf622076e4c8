import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from billing_core.doctor.broker import examine_broker
from billing_core.finding import Finding, Level
from config.settings import Settings


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def wrong(redis: Redis, **settings: Any) -> list[Finding]:
    return [one for one in examine_broker(redis, Settings(env="test", **settings)) if one.level is not Level.OK]


def test_our_defaults_are_sound(redis: Redis) -> None:
    assert wrong(redis) == []


@pytest.mark.parametrize(
    ("settings", "check", "level"),
    [
        ({"visibility_timeout": 30, "retry_backoff_max": 5}, "visibility timeout", Level.WARN),
        ({"visibility_timeout": 3600}, "visibility timeout", Level.WARN),
        ({"sweep_enabled": False}, "sweep", Level.FAIL),
        ({"dedupe_window": 86400}, "dedupe window", Level.WARN),
    ],
)
def test_setting_that_loses_or_delays_is_named(
    redis: Redis, settings: dict[str, Any], check: str, level: Level
) -> None:
    (finding,) = wrong(redis, **settings)
    assert (finding.check, finding.level) == (check, level)
    assert "BILLING_" in finding.do


def test_message_that_nobody_gives_back_is_told(redis: Redis) -> None:
    redis.zadd("{billing}:unacked_index", {"tag": time.time() - 80, "other": time.time()})
    assert wrong(redis) == []
    redis.zadd("{billing}:unacked_index", {"tag": time.time() - 104})
    (finding,) = wrong(redis)
    assert (finding.check, finding.level) == ("held by workers", Level.WARN)
    assert finding.found.startswith("2 messages, the oldest for 10")
