import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from billing_core.doctor.stripe_account import deliveries, examine_stripe
from billing_core.finding import Finding, Level
from billing_core.stripe_api import StripeApi
from billing_core.webhook_secrets import fingerprint, key
from config.settings import Settings
from tests.fake_stripe import FakeStripe

URL = "https://billing.example.com/webhooks/stripe"
NEW, OLD = "whsec_new", "whsec_old"


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def settings_for(fake: FakeStripe, **changes: Any) -> Settings:
    return Settings(env="test", stripe_secret_key=SecretStr(fake.api_key), stripe_api_base=fake.url, **changes)


def examined(fake: FakeStripe, **changes: Any) -> list[Finding]:
    settings = settings_for(fake, **changes)
    stripe = StripeApi(settings.stripe_secret_key, settings.stripe_api_base, timeout=5, max_retries=0)
    return examine_stripe(stripe, settings)


def test_key_that_works_is_told_with_its_mode(fake: FakeStripe) -> None:
    key_, api, *_ = examined(fake)
    assert key_ == Finding("Stripe's key", Level.OK, "test mode, as BILLING_ENV=test needs")
    assert api == Finding("Stripe's API", Level.OK, "answers")


def test_endpoint_is_compared_where_its_url_is_known(fake: FakeStripe) -> None:
    unknown, known = examined(fake)[-1], examined(fake, public_url=URL)[-1]
    assert (unknown.check, unknown.level) == ("endpoint", Level.WARN)
    assert (known.check, known.level) == ("endpoint", Level.FAIL)


def test_missing_key_is_worth_a_warning(fake: FakeStripe) -> None:
    (finding,) = examine_stripe(StripeApi(None, fake.url, timeout=1, max_retries=0), Settings(env="test"))
    assert (finding.check, finding.level) == ("Stripe's key", Level.WARN)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_refusal_is_one_finding_without_the_key(fake: FakeStripe, status: int) -> None:
    fake.faults.add(status=status, times=5)
    (finding,) = examined(fake)
    assert (finding.check, finding.level) == ("Stripe's API", Level.FAIL)
    assert str(status) in finding.found
    assert fake.api_key not in str(finding)


def test_secrets_are_told_by_fingerprint_with_their_last_match(fake: FakeStripe, redis: Redis) -> None:
    settings = settings_for(fake, stripe_webhook_secrets=f"{NEW},{OLD}")
    redis.hset(key(settings.queue_prefix), fingerprint(OLD), str(int(time.time()) - 3 * 3600))
    new, old, last = deliveries(redis, settings)
    assert new.found == f"{fingerprint(NEW)} matched never"
    assert old.found == f"{fingerprint(OLD)} matched 3 h ago"
    assert (last.check, last.level, last.found) == ("last delivery", Level.OK, "3 h ago")
    assert not any(secret in str([new, old, last]) for secret in (NEW, OLD))


def test_day_without_a_delivery_is_worth_a_warning(fake: FakeStripe, redis: Redis) -> None:
    settings = settings_for(fake, stripe_webhook_secrets=NEW)
    assert [one.level for one in deliveries(redis, settings)] == [Level.OK, Level.WARN]
    redis.hset(key(settings.queue_prefix), fingerprint(NEW), str(int(time.time()) - 25 * 3600))
    assert list(deliveries(redis, settings))[-1].found == "25 h ago"
    assert list(deliveries(redis, settings))[-1].level is Level.WARN


def test_endpoint_without_a_secret_fails(fake: FakeStripe, redis: Redis) -> None:
    assert next(iter(deliveries(redis, settings_for(fake)))).level is Level.FAIL
