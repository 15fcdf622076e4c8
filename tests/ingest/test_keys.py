"""A web process takes rotated keys from their files while it serves; what cannot be used leaves it as it was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import redis

from billing_core.heartbeats import Heartbeats, Role
from billing_core.keys.in_use import KeysInUse, api_key_name
from billing_core.webhook_secrets import fingerprint, last_matches
from config.loading import load_settings
from config.settings import Settings
from tests.fake_stripe.signature import sign
from tests.ingest.api.tokens import token
from tests.ingest.deliveries import event_body, opened, post

pytestmark = pytest.mark.anyio

FIRST, SECOND = "whsec_first", "whsec_second"
JWT_FIRST, JWT_SECOND = "1" * 32, "2" * 32


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "STRIPE_WEBHOOK_SECRET").write_text(FIRST)
    (folder / "STRIPE_SECRET_KEY").write_text("sk_test_first")
    (folder / "BILLING_JWT_SECRET").write_text(JWT_FIRST)
    return folder


@pytest.fixture
def settings(secrets: Path, redis_url: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    environment = {
        "BILLING_ENV": "test",
        "BILLING_SECRETS_DIR": str(secrets),
        "BILLING_HEARTBEAT_INTERVAL": "0.02",
        "BILLING_ACCEPT_TIMEOUT": "10",
        "REDIS_URL": redis_url,
        "DATABASE_URL": sqlite_url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(settings) as client:
        await keys_of(settings)
        yield client


async def keys_of(settings: Settings, *secrets: str, problem: bool = False) -> KeysInUse:
    """Wait until the process tells of these secrets, or of a problem, and return its keys."""
    with redis.Redis.from_url(settings.redis_url) as connection:
        heartbeats = Heartbeats(connection, settings.queue_prefix)
        async with asyncio.timeout(20):
            while True:
                seen = [one for one in heartbeats.seen() if one.role is Role.WEB and one.keys]
                keys = seen[0].keys if seen else None
                named = tuple(map(fingerprint, secrets)) or (keys and keys.endpoint_secrets)
                if keys and keys.endpoint_secrets == named and bool(keys.problem) is problem:
                    return keys
                await asyncio.sleep(0.01)


async def status(web: httpx.AsyncClient, secret: str, event_id: str) -> int:
    body = event_body(event_id)
    return (await post(web, body, sign(body, secret))).status_code


async def test_second_secret_counts_as_soon_as_its_file_says_so(
    web: httpx.AsyncClient, settings: Settings, secrets: Path
) -> None:
    assert await status(web, SECOND, "evt_1") == 400
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(f"{SECOND},{FIRST}")
    await keys_of(settings, SECOND, FIRST)
    assert [await status(web, SECOND, "evt_2"), await status(web, FIRST, "evt_3")] == [200, 200]
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(SECOND)
    await keys_of(settings, SECOND)
    assert [await status(web, SECOND, "evt_4"), await status(web, FIRST, "evt_5")] == [200, 400]


async def test_match_is_put_down_under_the_secret_that_made_it_after_a_rotation(
    settings: Settings, secrets: Path
) -> None:
    async with opened(settings) as web:
        (secrets / "STRIPE_WEBHOOK_SECRET").write_text(f"{SECOND},{FIRST}")
        await keys_of(settings, SECOND, FIRST)
        await status(web, SECOND, "evt_1")
    with redis.Redis.from_url(settings.redis_url) as connection:
        assert list(last_matches(connection, settings.queue_prefix)) == [fingerprint(SECOND)]


async def test_broken_file_leaves_everything_as_it_was_and_is_told(
    web: httpx.AsyncClient, settings: Settings, secrets: Path
) -> None:
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text("no secret of Stripe's")
    (secrets / "STRIPE_SECRET_KEY").write_text("sk_test_second")
    keys = await keys_of(settings, FIRST, problem=True)
    assert keys.problem is not None
    assert "STRIPE_WEBHOOK_SECRET" in keys.problem
    assert keys.api_key == api_key_name(settings.stripe_secret_key)
    assert await status(web, FIRST, "evt_1") == 200


async def test_token_is_checked_with_the_key_that_its_file_has_now(
    web: httpx.AsyncClient, settings: Settings, secrets: Path
) -> None:
    async def asked(secret: str) -> int:
        made = token("1", secret=secret, iss=None, aud=None)
        answer = await web.get("/api/billing/commands/none", headers={"Authorization": f"Bearer {made}"})
        return answer.status_code

    assert await asked(JWT_SECOND) == 401
    (secrets / "BILLING_JWT_SECRET").write_text(JWT_SECOND)
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(SECOND)  # so that it is seen when they are in force
    await keys_of(settings, SECOND)
    assert await asked(JWT_SECOND) != 401
    assert await asked(JWT_FIRST) == 401


async def test_api_key_is_told_by_fingerprint_and_never_by_itself(
    web: httpx.AsyncClient, settings: Settings, secrets: Path
) -> None:
    before = await keys_of(settings)
    (secrets / "STRIPE_SECRET_KEY").write_text("rk_test_second")
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(SECOND)
    after = await keys_of(settings, SECOND)
    assert None not in {before.api_key, after.api_key}
    assert before.api_key != after.api_key
    with redis.Redis.from_url(settings.redis_url) as connection:
        told = b"".join(connection.dump(name) or b"" for name in connection.scan_iter("*heartbeat*"))
    assert not any(secret in told for secret in (b"sk_test", b"rk_test", b"whsec_"))


async def test_process_that_ends_in_order_is_forgotten(settings: Settings) -> None:
    async with opened(settings):
        await keys_of(settings)
    with redis.Redis.from_url(settings.redis_url) as connection:
        assert Heartbeats(connection, settings.queue_prefix).seen() == []
