"""Deliveries that never came, and a Redis that lost everything: the processes mend it, and nobody types a command."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis

from billing_core.event_types import FAMILY_OF
from billing_core.gaps import last_run
from billing_core.models import User
from config.queues import Family
from tests.convergence.oracle import differences
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.system.service import PREFIX, USER_ID, WEBHOOK_SECRET, Service

DROPPED = 1000
FOUND_WITHIN = 60  # s; the run itself takes one or two
INTERVAL = 2  # s


# make test has time for a few of the 5,000: EVENTS=5000 make faults
EVENTS = int(os.environ.get("EVENTS", "400"))


@contextmanager
def served(tmp_path: Path, server_database_url: str) -> Iterator[tuple[FakeStripe, Service]]:
    """An account of today, whose gaps are filled every few seconds."""
    with FakeStripe(start=time.time()) as fake:
        settings = {
            "STRIPE_SECRET_KEY": fake.api_key,
            "STRIPE_API_BASE": fake.url,
            "BILLING_GAP_INTERVAL": str(INTERVAL),
        }
        with Service(tmp_path, server_database_url, settings) as service:
            with service.database.write() as session:
                session.execute(sa.insert(User), [{"user_id": USER_ID}])
            yield fake, service


def handled(fake: FakeStripe) -> set[str]:
    return {event["id"] for event in fake.events if event["type"] in FAMILY_OF}


def test_thousand_dropped_deliveries_are_found_by_the_next_run(tmp_path: Path, server_database_url: str) -> None:
    with served(tmp_path, server_database_url) as (fake, service):
        for _ in range(DROPPED):  # no endpoint is registered at Stripe: nothing is ever posted
            call(fake, "POST", "/v1/customers", metadata={"user_id": str(USER_ID)})
        missing = service.missing_after(handled(fake), FOUND_WITHIN)
        assert not missing, service.whereabouts(missing)
        assert service.recorded() == dict.fromkeys(handled(fake), "applied")
        run = last_run(service.database)
        assert run is not None
        assert not run.behind


@pytest.mark.timeout(120 + EVENTS)
def test_redis_that_is_flushed_in_the_middle_of_events_needs_nobody(tmp_path: Path, server_database_url: str) -> None:
    with served(tmp_path, server_database_url) as (fake, service):
        fake.add_endpoint(f"{service.web.url}/webhooks/stripe", secret=WEBHOOK_SECRET, events=["*"])
        live(fake, EVENTS // 3)
        service.worker.pause()
        live(fake, EVENTS * 2 // 3)
        with Redis.from_url(service.redis.url) as redis:
            lost = sum(redis.zcard(f"{PREFIX}inbox:{family}") for family in Family)
            redis.flushall()
        service.worker.resume()
        live(fake, EVENTS)
        assert lost
        missing = service.missing_after(handled(fake), FOUND_WITHIN + EVENTS / 20)
        assert not missing, service.whereabouts(missing)
        assert_equal_within(10, fake, service)
        print(f"events={len(handled(fake))} in_redis_when_flushed={lost} lost=0")


def live(fake: FakeStripe, events: int) -> None:
    """Let customers subscribe until so many events have happened."""
    while len(handled(fake)) < events:
        subscription(fake, customer_with_card(fake, metadata={"user_id": str(USER_ID)})[0])


def assert_equal_within(seconds: float, fake: FakeStripe, service: Service) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with service.database.read() as session:
            found = differences(session, fake, {})
        if not found:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
