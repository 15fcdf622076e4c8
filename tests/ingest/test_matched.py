"""Which secret verified a delivery, is put down by fingerprint, once a minute."""

import asyncio
import time

import httpx
import pytest
import redis

from billing_core.webhook_secrets import fingerprint, key, last_matches
from config.settings import Settings
from ingest import matched
from tests.fake_stripe.signature import sign
from tests.ingest.deliveries import ROTATED_SECRET, SECRET, event_body, opened, post

pytestmark = pytest.mark.anyio


def marks(settings: Settings) -> dict[str, float]:
    with redis.Redis.from_url(settings.redis_url) as connection:
        found = last_matches(connection, settings.queue_prefix)
        return {name: at.timestamp() for name, at in found.items()}


async def test_secret_that_matched_is_put_down(settings: Settings) -> None:
    async with opened(settings) as client:
        await post(client)
    assert list(marks(settings)) == [fingerprint(SECRET)]
    assert abs(marks(settings)[fingerprint(SECRET)] - time.time()) < 30


async def test_each_secret_has_its_own_moment(settings: Settings) -> None:
    async with opened(settings) as client:
        await post(client)
        body = event_body("evt_2")
        await post(client, body, sign(body, ROTATED_SECRET))
    assert set(marks(settings)) == {fingerprint(SECRET), fingerprint(ROTATED_SECRET)}


async def test_secret_itself_is_nowhere_in_redis(settings: Settings) -> None:
    async with opened(settings) as client:
        await post(client)
    with redis.Redis.from_url(settings.redis_url) as connection:
        assert SECRET not in str(connection.hgetall(key(settings.queue_prefix)))


async def test_what_is_not_stripes_leaves_no_mark(settings: Settings) -> None:
    async with opened(settings) as client:
        await post(client, signature="t=1,v1=00")
    assert marks(settings) == {}


async def test_second_delivery_within_a_minute_writes_nothing(client: httpx.AsyncClient, settings: Settings) -> None:
    await first_mark(client, settings)
    await post(client, event_body("evt_2"))
    await post(client, event_body("evt_3"))
    assert marks(settings) == {}


async def test_later_one_is_put_down_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matched, "INTERVAL", 0.0)
    async with opened(settings) as client:
        await first_mark(client, settings)
        await post(client, event_body("evt_2"))
    assert list(marks(settings)) == [fingerprint(SECRET)]


async def first_mark(client: httpx.AsyncClient, settings: Settings) -> None:
    """Post an event, wait until its mark is written, and wipe it out."""
    await post(client)
    while not marks(settings):  # noqa: ASYNC110  (it is written in its own time)
        await asyncio.sleep(0.01)
    with redis.Redis.from_url(settings.redis_url) as connection:
        connection.delete(key(settings.queue_prefix))
