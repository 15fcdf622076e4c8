from collections.abc import AsyncIterator

import httpx
import pytest

from billing_core.database import Database
from config.settings import Settings
from tests.ingest.api.calling import opened_api, settings_for_api
from tests.ingest.api.stand_in import StandIn, seed
from tests.stores import closed_port, database, migrated_postgres, postgres, prepared_sqlite, sqlite

__all__ = ["closed_port", "database", "migrated_postgres", "postgres", "prepared_sqlite", "sqlite"]


@pytest.fixture
def settings(redis_url: str, sqlite: Database) -> Settings:
    return settings_for_api(redis_url, sqlite)


@pytest.fixture
def worker(sqlite: Database) -> StandIn:
    seed(sqlite)
    return StandIn(sqlite)


@pytest.fixture
async def api(settings: Settings, worker: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    """The application, whose commands `worker` ends as the test tells it to."""
    async with opened_api(settings, worker.enqueue) as client:
        yield client
