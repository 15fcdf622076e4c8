from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from billing_core.database import Database
from billing_core.stripe_api import StripeApi
from tests.billing_core.test_gaps.service import START, Service
from tests.fake_stripe import FakeStripe
from tests.needed_rights import NEEDED


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A served account whose clock moves only when advanced, and that posts nothing to anybody."""
    with FakeStripe(rate=0, start=START) as fake:
        yield fake


@pytest.fixture
def service(database: Database, redis_url: str, fake: FakeStripe) -> Iterator[Service]:
    stripe = StripeApi(SecretStr(fake.restrict(NEEDED)), fake.url, timeout=10, max_retries=0)
    with Redis.from_url(redis_url) as redis:
        yield Service(database, redis, fake, stripe)
