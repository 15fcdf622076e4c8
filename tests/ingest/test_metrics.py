"""GET /metrics shows the whole service, and answers whatever is away."""

import pytest
import redis

import migrations
from billing_core.heartbeats import Heartbeats, Role
from config.settings import Settings
from ingest import metrics
from tests.embedded.ports import free_port
from tests.embedded.redis_server import RedisServer
from tests.ingest.deliveries import opened, post, settings_for

pytestmark = pytest.mark.anyio


async def scraped(settings: Settings) -> dict[str, float]:
    async with opened(settings) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_what_waits_and_who_lives_is_told(redis_url: str, any_database_url: str) -> None:
    migrations.upgrade(any_database_url)
    settings = settings_for(redis_url, database_url=any_database_url)
    with redis.Redis.from_url(settings.redis_url) as connection:
        Heartbeats(connection, settings.queue_prefix).beat(Role.WORKER, ["stripe.invoice"])
    async with opened(settings) as client:
        await post(client)
    values = await scraped(settings)
    assert values["billing_redis_up"] == values["billing_database_up"] == 1
    assert values['billing_inbox_events{family="stripe.invoice"}'] == 1
    assert values['billing_queue_consumers{queue="stripe.invoice"}'] == 1
    assert values['billing_queue_consumers{queue="stripe.refund"}'] == 0
    assert values["billing_dead_letters"] == 0


async def test_metrics_are_there_while_redis_and_database_are_away(away_url: str) -> None:
    values = await scraped(settings_for(f"redis://127.0.0.1:{free_port()}/0", database_url=away_url))
    assert values["billing_redis_up"] == values["billing_database_up"] == 0


async def test_metrics_do_not_wait_for_a_redis_that_stands_still(
    own_redis: RedisServer, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "TIMEOUT", 0.2)
    own_redis.pause()
    values = await scraped(settings_for(own_redis.url, database_url=sqlite_url))
    own_redis.resume()
    assert values["billing_redis_up"] == 0
