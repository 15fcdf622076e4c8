"""GET /metrics shows the whole service, and answers whatever is away."""

import httpx
import pytest
import redis

import migrations
from billing_core.heartbeats import Heartbeats, Role
from billing_core.webhook_secrets import fingerprint
from config.settings import Settings
from ingest import metrics
from tests.embedded.ports import free_port
from tests.embedded.redis_server import RedisServer
from tests.ingest.deliveries import SECRET, counted, opened, post, settings_for

pytestmark = pytest.mark.anyio


async def scraped(settings: Settings) -> dict[str, float]:
    async with opened(settings) as client:
        return await asked(client)


async def asked(client: httpx.AsyncClient) -> dict[str, float]:
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
    assert values["billing_inbox_age_limit_seconds"] == 60


async def test_counts_of_other_processes_are_among_the_sums(redis_url: str, sqlite_url: str) -> None:
    before = counted("billing_events_accepted", family="stripe.invoice")
    with redis.Redis.from_url(redis_url) as connection:
        connection.hset("{billing}:metrics", '["billing_events_accepted_total", {"family": "stripe.invoice"}]', "1000")
    async with opened(settings_for(redis_url, database_url=sqlite_url)) as client:
        await post(client)
        await post(client)
        await post(client, signature="")
        values = await asked(client)
    assert values['billing_events_accepted_total{family="stripe.invoice"}'] == 1000 + before + 1
    assert values['billing_events_duplicate_total{family="stripe.invoice"}'] >= 1
    assert values['billing_webhooks_refused_total{code="bad_signature"}'] >= 1
    assert values["billing_accept_seconds_count"] >= 2
    assert values[f'billing_secrets_matched_total{{fingerprint="{fingerprint(SECRET)}"}}'] >= 2


async def test_metrics_are_there_while_redis_and_database_are_away(away_url: str) -> None:
    values = await scraped(settings_for(f"redis://127.0.0.1:{free_port()}/0", database_url=away_url))
    assert values["billing_redis_up"] == values["billing_database_up"] == 0


async def test_metrics_do_not_wait_for_a_redis_that_stands_still(
    own_redis: RedisServer, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "TIMEOUT", 0.2)
    async with opened(settings_for(own_redis.url, database_url=sqlite_url)) as client:
        own_redis.pause()
        values = await asked(client)
        own_redis.resume()
    assert values["billing_redis_up"] == 0
    assert "billing_webhooks_unavailable_total" not in values  # of this process alone: less than was told before
