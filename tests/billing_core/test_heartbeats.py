"""Processes say that they live; who falls silent stays known for an hour."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from redis import Redis

from billing_core.heartbeats import REMEMBERED, Heartbeats, Role

PREFIX = "{test}:"
HOST = socket.gethostname()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def heartbeats(redis: Redis) -> Heartbeats:
    return Heartbeats(redis, PREFIX)


def beat_as(redis: Redis, pid: int, *, host: str = HOST, role: Role = Role.WORKER, seconds_ago: float = 0) -> None:
    """Let another process beat, so long ago."""
    name = f"{role}:{host}:{pid}"
    details = json.dumps({"role": role, "host": host, "pid": pid, "queues": []})
    redis.set(f"{PREFIX}heartbeat:{name}", details)
    seconds, microseconds = redis.time()
    redis.zadd(f"{PREFIX}heartbeats", {name: (seconds + microseconds / 1e6 - seconds_ago) * 1000})


def gone() -> int:
    """Return the ID of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_nobody_is_seen_at_first(heartbeats: Heartbeats) -> None:
    assert heartbeats.seen() == []


def test_process_is_seen_with_its_queues(heartbeats: Heartbeats) -> None:
    heartbeats.beat(Role.WORKER, ["b", "a"])
    (seen,) = heartbeats.seen()
    assert (seen.role, seen.host, seen.pid, seen.queues) == (Role.WORKER, HOST, os.getpid(), ("a", "b"))
    assert seen.name == f"worker {HOST}:{os.getpid()}"
    assert seen.age_s < 5


def test_next_beat_replaces_the_last_one(heartbeats: Heartbeats) -> None:
    heartbeats.beat(Role.WORKER, ["a"])
    heartbeats.beat(Role.WORKER, [])
    assert [seen.queues for seen in heartbeats.seen()] == [()]


def test_age_is_told_by_redis_clock(heartbeats: Heartbeats, redis: Redis) -> None:
    beat_as(redis, 1, host="elsewhere", seconds_ago=90)
    (seen,) = heartbeats.seen()
    assert 90 <= seen.age_s < 100


def test_process_that_ends_in_order_is_forgotten_at_once(heartbeats: Heartbeats, redis: Redis) -> None:
    heartbeats.beat(Role.WORKER)
    heartbeats.beat(Role.BEAT)
    heartbeats.end(Role.WORKER)
    assert [seen.role for seen in heartbeats.seen()] == [Role.BEAT]
    heartbeats.end(Role.BEAT)
    assert redis.keys() == []


def test_silent_process_is_forgotten_after_an_hour(heartbeats: Heartbeats, redis: Redis) -> None:
    beat_as(redis, 1, host="gone", seconds_ago=REMEMBERED + 1)
    beat_as(redis, 2, host="silent", seconds_ago=REMEMBERED - 60)
    heartbeats.beat(Role.WORKER)
    assert {seen.host for seen in heartbeats.seen()} == {"silent", HOST}


def test_successor_takes_the_place_of_what_died_on_its_host(heartbeats: Heartbeats, redis: Redis) -> None:
    dead = gone()
    beat_as(redis, dead)
    beat_as(redis, dead, role=Role.BEAT)
    beat_as(redis, dead, host="elsewhere")
    beat_as(redis, os.getppid())
    beat_as(redis, 1)  # another user's, or ours if we are root: it is there
    heartbeats.forget_dead(Role.WORKER)
    left = {(seen.role, seen.host, seen.pid) for seen in heartbeats.seen()}
    assert left == {
        (Role.BEAT, HOST, dead),
        (Role.WORKER, "elsewhere", dead),
        (Role.WORKER, HOST, os.getppid()),
        (Role.WORKER, HOST, 1),
    }
