"""TLS from the endpoint to Redis, and from a worker to Redis and the database: the right one is taken, and no other."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from flower.utils.broker import Broker
from kombu.exceptions import OperationalError
from redis import Redis
from sqlalchemy.exc import OperationalError as DatabaseRefused

from billing_core.connection_trouble import trouble
from billing_core.database import Database, create_engine_for
from billing_core.doctor.redis_server import examine_redis
from billing_core.models import BillingEvent
from config.celery import create_celery
from config.queues import Family
from config.redis_client import redis_client
from config.settings import Settings
from tests.embedded.postgres_server import PostgresServer
from tests.embedded.redis_server import RedisServer
from tests.embedded.tls_door import Authority, tls_door
from tests.ingest.conftest import _logging_as_before
from tests.ingest.deliveries import opened, post, settings_for
from tests.stores import count, row
from tests.system.load import subscription_event
from tests.system.service import UNMEASURED, Worker

__all__ = ["_logging_as_before"]

APPLIED = 60.0  # s, far more than it takes


@dataclass(frozen=True)
class Doors:
    """Redis, which wants to see the client's certificate, and PostgreSQL; both are called localhost."""

    ours: Authority
    another: Authority
    redis_port: int
    postgres_port: int

    def redis(self, host: str = "localhost", ca: Path | None = None, *, shows: bool = True) -> str:
        own = f"&ssl_certfile={self.ours.client}&ssl_keyfile={self.ours.client_key}" if shows else ""
        return f"rediss://{host}:{self.redis_port}/0?ssl_ca_certs={ca or self.ours.ca}{own}"

    def postgres(self, name: str, host: str = "localhost", ca: Path | None = None) -> str:
        options = f"sslmode=verify-full&sslrootcert={ca or self.ours.ca}"
        return f"postgresql://postgres@{host}:{self.postgres_port}/{name}?{options}"


@pytest.fixture(scope="module")
def doors(
    redis_server: RedisServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    ours, another = (Authority(tmp_path_factory.mktemp("authority")) for _ in range(2))
    with ExitStack() as stack:
        to_redis = tls_door(redis_server.port, ours.server_context("localhost", asks_client=True))
        to_postgres = tls_door(postgres_server.port, ours.server_context("localhost", asks_client=False), postgres=True)
        yield Doors(ours, another, stack.enter_context(to_redis), stack.enter_context(to_postgres))


@pytest.fixture(params=["of another authority", "for another name"])
def refused(request: pytest.FixtureRequest, doors: Doors) -> tuple[str, Path]:
    """A host and the authority that we trust, which do not fit the servers."""
    return ("localhost", doors.another.ca) if "authority" in request.param else ("127.0.0.1", doors.ours.ca)


@pytest.mark.anyio
async def test_webhook_becomes_a_row_with_tls_on_all_ways(
    doors: Doors, postgres: Database, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(doors.redis(), database_url=doors.postgres(str(postgres.engine.url.database)))
    event = subscription_event(1)
    event["data"]["object"]["customer"] = "cus_1"
    environment = {
        "BILLING_ENV": "test",
        "REDIS_URL": settings.redis_url,
        "DATABASE_URL": settings.database_url,
        **UNMEASURED,
    }
    async with opened(settings) as client:
        assert (await client.get("/readyz")).json() == {"ready": True, "redis": "ok", "database": "ok"}
        assert (await post(client, json.dumps(event).encode())).json() == {"received": True}
    with Worker(tmp_path, environment=environment):
        await asyncio.to_thread(wait_for_event, postgres)
    assert row(postgres, BillingEvent, stripe_event_id=event["id"]).outcome == "applied"


def wait_for_event(database: Database) -> None:
    deadline = time.monotonic() + APPLIED
    while not count(database, BillingEvent) and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.anyio
async def test_endpoint_stores_nothing_at_a_redis_that_it_cannot_tell(
    doors: Doors, refused: tuple[str, Path], redis_url: str, sqlite: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(settings_for(doors.redis(*refused), database_url=str(sqlite.engine.url))) as client:
        assert (await post(client)).status_code == 503
        assert "its certificate is refused" in (await client.get("/readyz")).json()["redis"]
    assert "its certificate is refused" in capsys.readouterr().out
    with Redis.from_url(redis_url) as connection:
        assert connection.keys() == []


def test_worker_and_operator_do_not_speak_to_it_either(doors: Doors, refused: tuple[str, Path]) -> None:
    settings = Settings(env="test", redis_url=doors.redis(*refused))
    with redis_client(settings) as client:
        (finding,) = examine_redis(client, production=False)
    assert finding.found.startswith("away: ConnectionError, its certificate is refused: ")
    with (
        create_celery(settings) as app,
        app.connection_for_read() as connection,
        pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.ensure_connection(max_retries=1, interval_start=0)


def test_client_that_shows_no_certificate_is_not_served(doors: Doors) -> None:
    with redis_client(Settings(env="test", redis_url=doors.redis(shows=False))) as client:
        (finding,) = examine_redis(client, production=False)
    assert finding.found.startswith("away: ConnectionError")


@pytest.mark.anyio
async def test_flower_sees_the_queues_by_tls(doors: Doors, redis_url: str) -> None:
    with create_celery(Settings(env="test", redis_url=doors.redis())) as app:
        broker = Broker(
            app.conf.broker_url,
            broker_options=app.conf.broker_transport_options,
            broker_use_ssl=app.conf.broker_use_ssl,
        )
        assert await broker.queues([Family.INVOICE]) == [{"name": Family.INVOICE, "messages": 0}]
        await broker.redis.aclose()


def test_database_of_another_authority_or_name_is_refused(doors: Doors, refused: tuple[str, Path]) -> None:
    engine = create_engine_for(doors.postgres("postgres", *refused), pool_size=1)
    with pytest.raises(DatabaseRefused) as error:
        engine.connect()
    assert trouble(error.value).startswith("OperationalError, its certificate is refused: ")


def test_database_without_tls_is_refused(postgres_server: PostgresServer, doors: Doors) -> None:
    plain = doors.postgres("postgres").replace(f":{doors.postgres_port}/", f":{postgres_server.port}/")
    with pytest.raises(DatabaseRefused) as error:
        create_engine_for(plain, pool_size=1).connect()
    assert trouble(error.value) == "OperationalError, it speaks no TLS"
