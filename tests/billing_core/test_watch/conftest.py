from collections.abc import Iterator

import pytest
from redis import Redis

from billing_core.database import Database
from tests.billing_core.test_watch.watched import Watched


@pytest.fixture
def watched(any_database: Database, redis_url: str) -> Iterator[Watched]:
    with Redis.from_url(redis_url) as redis:
        yield Watched(redis, any_database)
