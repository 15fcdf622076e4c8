import httpx
import pytest
import redis
from prometheus_client import CONTENT_TYPE_LATEST

from config.settings import Settings, SettingsError
from ingest.app import create_app
from tests.ingest.deliveries import SECRET, opened, post, settings_for

pytestmark = pytest.mark.anyio


def test_endpoint_without_a_secret_is_not_made(redis_url: str) -> None:
    with pytest.raises(SettingsError, match=r"^STRIPE_WEBHOOK_SECRET is missing"):
        create_app(settings_for(redis_url, stripe_webhook_secrets=()))


def test_settings_come_from_the_environment_by_default(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert create_app().title == "Billing"


async def test_metrics_are_served_without_a_redirect(client: httpx.AsyncClient) -> None:
    await post(client)
    answer = await client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE_LATEST)
    assert "billing_events_accepted_total{" in answer.text


async def test_connections_to_redis_end_with_the_application(settings: Settings) -> None:
    with redis.Redis.from_url(settings.redis_url) as connection:
        before = connected(connection)
        async with opened(settings) as client:
            await post(client)
            assert connected(connection) > before
        while connected(connection) > before:  # Redis notices in its own time
            pass


def connected(connection: redis.Redis) -> int:
    return len(connection.client_list())
