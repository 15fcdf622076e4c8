"""Fake Stripe with a history, and our service, to which a test delivers as much of it as it likes."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.event_types import FAMILY_OF
from billing_core.gaps import Findings, GapFill
from billing_core.inbox import AcceptedEvent, Keys, WorkingInbox
from billing_core.models import BillingEvent
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.billing_core.cli.operator import Operation
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.fake_stripe.resources.events import thin_id
from tests.scripted_stripe import ScriptedStripe
from workers.runtime import Runtime

Json = dict[str, Any]

START = 1_790_000_000
HOUR = 3600.0
MOST_ROUNDS = 8


class Service:
    """Inbox, database, worker and gap fill over one fake account."""

    def __init__(self, database: Database, redis: Redis, fake: FakeStripe, stripe: StripeApi) -> None:
        self.database, self.redis, self.fake, self.stripe = database, redis, fake, stripe
        settings = Settings(env="test")
        template = MessageTemplate(create_celery(settings))
        self.inbox = WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window)
        self.keys = Keys(settings.queue_prefix)
        here = Runtime(settings, self.inbox, database, Processor(database, stripe))
        self._worker = Operation(redis, here, ScriptedStripe())

    def gap_fill(self, *, livemode: bool = False, overlap: float = HOUR) -> GapFill:
        return GapFill(self.database, self.inbox, self.stripe, livemode=livemode, overlap=overlap)

    def catch_up(self) -> set[str]:
        """Run gap fill, and return the IDs that it found."""
        return found(self.gap_fill().catch_up())

    def accept(self, events: Collection[Json], *, is_thin: bool = False) -> None:
        """Let events come in as the endpoint would, and wait in the inbox."""
        bodies = [(event, self.fake.body(event, is_thin=is_thin)) for event in events]
        if bodies:
            self.inbox.accept_again(
                [AcceptedEvent(_posted_id(event, is_thin), FAMILY_OF[event["type"]], body) for event, body in bodies]
            )

    def deliver(self, events: Collection[Json], *, is_thin: bool = False) -> None:
        """Let events come in and be applied."""
        self.accept(events, is_thin=is_thin)
        self.work()

    def work(self) -> None:
        """Apply all that waits, also what is to be tried again."""
        for _ in range(MOST_ROUNDS):
            while self._worker.work():
                pass
            requeued = [self.inbox.sweep(family, 0, 0) for family in Family]
            if not any(requeued):
                return
        raise AssertionError("something is never settled")

    def forget(self, event_ids: Collection[str]) -> None:
        """Lose rows of BillingEvents, as a restored backup does."""
        with self.database.write() as session:
            session.execute(sa.delete(BillingEvent).where(BillingEvent.stripe_event_id.in_(event_ids)))


def handled(fake: FakeStripe) -> list[Json]:
    """Return the history as far as our endpoint listens."""
    return [event for event in fake.events if event["type"] in FAMILY_OF]


def ids(events: Collection[Json]) -> set[str]:
    return {event["id"] for event in events}


def found(findings: Findings) -> set[str]:
    return {one.event_id for one in findings.lacking}


def subscribe(fake: FakeStripe) -> Json:
    """Let a customer of user 1 come with a card and subscribe."""
    customer, _ = customer_with_card(fake, metadata={"user_id": "1"})
    return subscription(fake, customer)


def some_history(fake: FakeStripe) -> None:
    """Let two customers subscribe, one have money back and leave: some forty events, all of one hour."""
    staying, leaving = subscribe(fake), subscribe(fake)
    fake.clock.advance(minutes=10)
    charge = next(one for one in fake.charges.values() if one["customer"] == leaving["customer"])
    call(fake, "POST", "/v1/refunds", charge=charge["id"])
    fake.control.open_dispute(charge=next(iter(set(fake.charges) - {charge["id"]})))
    call(fake, "DELETE", f"/v1/subscriptions/{leaving['id']}")
    call(fake, "POST", f"/v1/subscriptions/{staying['id']}", metadata={"note": "stays"})
    fake.clock.advance(minutes=10)


def _posted_id(event: Json, is_thin: bool) -> str:
    return thin_id(event["id"]) if is_thin else event["id"]
