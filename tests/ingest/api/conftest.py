from collections.abc import AsyncIterator

import httpx
import pytest

from billing_core.database import Database
from config.settings import Settings
from tests.ingest.api.calling import opened_api, settings_for_api
from tests.ingest.api.stand_in import StandIn, seed


@pytest.fixture
def settings(redis_url: str, any_database: Database) -> Settings:
    return settings_for_api(redis_url, any_database)


@pytest.fixture
def worker(any_database: Database) -> StandIn:
    seed(any_database)
    return StandIn(any_database)


@pytest.fixture
async def api(settings: Settings, worker: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    """The application, whose commands `worker` ends as the test tells it to."""
    async with opened_api(settings, worker.enqueue) as client:
        yield client
