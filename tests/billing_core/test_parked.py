"""Events without an owner are taken up again when there is one."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.inbox import Keys, WorkingInbox
from billing_core.models import BillingCustomer, BillingEvent
from billing_core.parked import redrive
from billing_core.process import Processor
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.building import event_body, fact_from, invoice
from tests.scripted_stripe import ScriptedStripe
from tests.stores import outcomes, row

PREFIX = "{billing}:"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def inbox(redis: Redis) -> WorkingInbox:
    return WorkingInbox(redis, PREFIX, MessageTemplate(create_celery(Settings(env="test"))), dedupe_window=60)


@pytest.fixture
def stripe() -> ScriptedStripe:
    stripe = ScriptedStripe()
    for customer in ("cus_8", "cus_9"):
        stripe.holds(f"/v1/customers/{customer}", {"id": customer, "metadata": {}})
    return stripe


@pytest.fixture
def processor(database: Database, stripe: ScriptedStripe) -> Processor:
    return Processor(database, stripe)


def body(event_id: str, customer: str) -> bytes:
    return event_body(invoice(f"in_{event_id}", customer=customer), id=event_id)


def park(processor: Processor, *event_ids: str, customer: str = "cus_9") -> None:
    processed = processor.process([fact_from(body(event_id, customer)) for event_id in event_ids])
    assert set(processed.outcomes.values()) == {"parked"}


def give_user(database: Database, customer: str) -> None:
    with database.write() as session:
        statement = sa.update(BillingCustomer).where(BillingCustomer.stripe_customer_id == customer)
        session.execute(statement.values(user_id=2))


def test_parked_event_waits_while_its_customer_has_no_user(
    database: Database, processor: Processor, inbox: WorkingInbox
) -> None:
    park(processor, "evt_1")
    assert redrive(database, inbox) == []
    assert inbox.depth(Family.INVOICE) == (0, 0, 0.0, 0.0)


def test_parked_event_is_queued_with_its_payload_when_its_customer_has_a_user(
    database: Database, processor: Processor, inbox: WorkingInbox, redis: Redis
) -> None:
    park(processor, "evt_1")
    redis.set(Keys(PREFIX).event("evt_1"), b"")  # the tombstone that its settling left
    give_user(database, "cus_9")
    assert redrive(database, inbox) == ["evt_1"]
    (claimed,) = inbox.claim(["evt_1"])
    assert claimed.payload == body("evt_1", "cus_9")
    processor.process([fact_from(claimed.payload)])
    assert outcomes(database) == {"evt_1": "applied"}
    assert redrive(database, inbox) == []


def test_event_queued_again_and_not_yet_taken_up_is_queued_once(
    database: Database, processor: Processor, inbox: WorkingInbox
) -> None:
    park(processor, "evt_1")
    give_user(database, "cus_9")
    for _ in range(3):
        redrive(database, inbox)
    assert inbox.depth(Family.INVOICE)[:2] == (1, 1)


def test_only_the_customers_asked_for_are_looked_at(
    database: Database, processor: Processor, inbox: WorkingInbox
) -> None:
    park(processor, "evt_8", customer="cus_8")
    park(processor, "evt_9", customer="cus_9")
    give_user(database, "cus_8")
    give_user(database, "cus_9")
    assert redrive(database, inbox, ["cus_9"]) == ["evt_9"]
    assert redrive(database, inbox, []) == []


def test_more_than_a_batch_is_queued_batch_by_batch_as_workers_take_them(
    database: Database, processor: Processor, inbox: WorkingInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_core.parked.BATCH", 2)
    park(processor, "evt_1", "evt_2", "evt_3")
    give_user(database, "cus_9")
    done = list[str]()
    while event_ids := redrive(database, inbox):
        assert len(event_ids) <= 2
        processor.process([fact_from(body(event_id, "cus_9")) for event_id in event_ids])
        done += event_ids
    assert sorted(done) == ["evt_1", "evt_2", "evt_3"]
    assert set(outcomes(database).values()) == {"applied"}


@pytest.mark.parametrize("fields", [{"event_data": None}, {"event_type": "invoice.sent"}], ids=str)
def test_event_that_cannot_be_taken_up_is_left_where_it_is(
    database: Database, processor: Processor, inbox: WorkingInbox, fields: dict[str, Any]
) -> None:
    park(processor, "evt_1")
    give_user(database, "cus_9")
    with database.write() as session:
        session.execute(sa.update(BillingEvent).values(fields))
    assert redrive(database, inbox) == []
    assert outcomes(database) == {"evt_1": "parked"}


def test_dead_letter_that_is_parked_by_its_replay_finds_its_owner_too(
    database: Database, processor: Processor, inbox: WorkingInbox
) -> None:
    """The row of a dead letter knows no customer: it could not be read."""
    park(processor, "evt_1")
    with database.write() as session:
        session.execute(sa.update(BillingEvent).values(outcome="dead", stripe_customer_id=None))
    park(processor, "evt_1")
    assert row(database, BillingEvent, stripe_event_id="evt_1").stripe_customer_id == "cus_9"
    give_user(database, "cus_9")
    assert redrive(database, inbox) == ["evt_1"]
