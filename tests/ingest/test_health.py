import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ResponseError

from billing_core.database import Database
from billing_core.doctor.redis_server import DURABLE
from config.settings import Settings
from ingest import health
from tests.embedded.ports import free_port
from tests.embedded.redis_server import RedisServer
from tests.ingest.deliveries import opened, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(any_database: Database) -> str:
    return any_database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def settings(redis_url: str, database_url: str) -> Settings:
    return settings_for(redis_url, database_url=database_url)


async def readiness(settings: Settings) -> tuple[int, dict[str, Any]]:
    async with opened(settings) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def test_process_lives_whatever_is_away(away_url: str) -> None:
    settings = settings_for(f"redis://127.0.0.1:{free_port()}/0", database_url=away_url)
    async with opened(settings) as client:
        answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_ready_on_durable_redis_and_migrated_database(settings: Settings) -> None:
    assert await readiness(settings) == (200, {"ready": True, "redis": "ok", "database": "ok"})


@pytest.fixture
def configured(settings: Settings) -> Iterator[redis.Redis]:
    """A connection that may change Redis' configuration; it is put back afterwards."""
    with redis.Redis.from_url(settings.redis_url) as connection:
        before = connection.config_get(*DURABLE)
        yield connection
        for name, value in before.items():
            connection.config_set(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("appendonly", "no"), ("appendfsync", "no"), ("maxmemory-policy", "allkeys-lru")],
)
async def test_redis_that_may_lose_events_is_not_ready_and_says_why(
    settings: Settings, configured: redis.Redis, name: str, value: str
) -> None:
    configured.config_set(name, value)
    status, answer = await readiness(settings)
    assert (status, answer["ready"]) == (503, False)
    assert answer["redis"] == f"not durable: {name} is {value}; see config/redis.conf"


async def test_redis_that_syncs_every_second_is_ready(settings: Settings, configured: redis.Redis) -> None:
    configured.config_set("appendfsync", "everysec")
    assert (await readiness(settings))[0] == 200


async def test_managed_redis_that_forbids_config_is_ready(settings: Settings, configured: redis.Redis) -> None:
    configured.acl_setuser(
        "managed", enabled=True, passwords=["+pw"], categories=["+@all"], commands=["-config"], keys=["*"]
    )
    try:
        managed = settings.redis_url.replace("redis://", "redis://managed:pw@")
        status, answer = await readiness(settings.model_copy(update={"redis_url": managed}))
    finally:
        configured.acl_deluser("managed")
    assert (status, answer["redis"]) == (200, "ok")


async def test_redis_that_takes_no_writes_is_not_ready(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def misconf(_: AsyncRedis) -> bool:
        raise ResponseError("MISCONF Errors writing to the AOF file: No space left on device")

    monkeypatch.setattr(AsyncRedis, "ping", misconf)
    status, answer = await readiness(settings)
    assert (status, answer["redis"]) == (503, "away: ResponseError; check REDIS_URL and the server")


async def test_redis_that_is_away_is_not_ready(database_url: str) -> None:
    settings = settings_for(f"redis://127.0.0.1:{free_port()}/0", database_url=database_url)
    status, answer = await readiness(settings)
    assert (status, answer["redis"]) == (503, "away: ConnectionError; check REDIS_URL and the server")


async def test_redis_that_stands_still_is_not_ready(
    own_redis: RedisServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.2)
    own_redis.pause()
    status, answer = await readiness(settings_for(own_redis.url, database_url=database_url))
    own_redis.resume()
    assert (status, answer["redis"]) == (503, "away: TimeoutError; check REDIS_URL and the server")


async def test_database_without_our_schema_is_not_ready(redis_url: str, any_database_url: str) -> None:
    status, answer = await readiness(settings_for(redis_url, database_url=any_database_url))
    assert (status, answer["redis"]) == (503, "ok")
    assert answer["database"].startswith("not migrated: at None, needs 004")


async def test_database_that_is_away_leaves_the_endpoint_ready(redis_url: str, away_url: str) -> None:
    status, answer = await readiness(settings_for(redis_url, database_url=away_url))
    assert (status, answer["ready"], answer["redis"]) == (200, True, "ok")
    # Not by which error: Microsoft's driver tries for longer than the endpoint waits, though nobody listens.
    assert re.fullmatch(r"away: \w+; events are stored meanwhile", answer["database"])


async def test_database_that_does_not_answer_leaves_the_endpoint_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def stuck(_: str) -> tuple[str, str]:
        answered.wait(30)
        return "004", "004"

    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.2)
    monkeypatch.setattr(health, "current_and_head", stuck)
    try:
        status, answer = await readiness(settings)
    finally:
        answered.set()
    assert (status, answer["database"]) == (200, "away: TimeoutError; events are stored meanwhile")
    await asyncio.sleep(0)
