"""Delivery at its worst: any order, any shape, duplicates, late ones, to several workers at once."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Lock
from typing import Any

from billing_core.database import Database
from billing_core.errors import RetryLater, StripeObjectMissing
from billing_core.event_types import FAMILY_OF
from billing_core.events import decode_event
from billing_core.facts import Fact, Notice, Query
from billing_core.process import Processor
from billing_core.shapes import app_of
from billing_core.stripe_api import Fetched, StripeApi
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.fake_stripe.errors import StripeFailure
from workers import handlers

OLD_VERSION = "2023-10-16"
WORKERS = 3
LARGEST_BATCH = 12
MOST_ROUNDS = 200


class DirectStripe(StripeApi):
    """The door to Stripe without the network: thousands of histories a minute would spend their time on sockets."""

    def __init__(self, fake: FakeStripe) -> None:
        super().__init__(None, fake.url, timeout=1, max_retries=0)
        self._fake = fake

    @property
    def configured(self) -> bool:
        return True

    def fetch(self, path: str, **params: Any) -> Fetched:
        as_of = datetime.fromtimestamp(int(self._fake.clock.now()), UTC)
        try:
            return Fetched(call(self._fake, "GET", path, **params), as_of)
        except StripeFailure as failure:
            raise StripeObjectMissing(path) from failure


@dataclass(frozen=True)
class Delivery:
    """One body as it is posted."""

    event_id: str
    body: bytes


def plan(random: Random, fake: FakeStripe) -> list[Delivery]:
    """Draw how the history's events are delivered: shuffled, some twice, some in the old shape, some thin too."""
    deliveries = list[Delivery]()
    # A thin event of a draft that is gone tells nobody anything: it becomes a dead letter, tested elsewhere.
    deleted = {event["data"]["object"]["id"] for event in fake.events_of("invoice.deleted")}
    for event in fake.events:
        if event["type"] not in FAMILY_OF:
            continue
        old = OLD_VERSION if random.random() < 0.3 else None
        deliveries += [Delivery(event["id"], fake.body(event, api_version=old))] * random.choice((1, 1, 1, 2))
        if random.random() < 0.1 and event["data"]["object"]["id"] not in deleted:
            thin = fake.body(event, is_thin=True)
            deliveries.append(Delivery(decode_event("evt", thin).id, thin))
    disorder = random.choice(("shuffled", "reversed", "nearly in order"))
    if disorder == "shuffled":
        random.shuffle(deliveries)
    elif disorder == "reversed":
        deliveries.reverse()
    else:
        deliveries = [one for _, one in sorted(enumerate(deliveries), key=lambda item: item[0] + random.random() * 6)]
    return deliveries


class Courier:
    """Brings deliveries to several workers at once until each is settled."""

    def __init__(self, random: Random, database: Database, stripe: StripeApi) -> None:
        self._random = random
        self._processor = Processor(database, stripe)
        self._lock = Lock()

    def deliver(self, deliveries: list[Delivery]) -> None:
        """Return when every delivery is settled.

        Raises:
            Exception: one of them would have become a dead letter.
        """
        waiting = deque(deliveries)
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in range(MOST_ROUNDS):
                batches = self._batches(waiting)
                if not batches:
                    return
                for later in pool.map(self._work_off, batches):
                    waiting.extend(later)
        raise AssertionError(f"{len(waiting)} deliveries never settled: {[one.event_id for one in waiting][:5]}")

    def _batches(self, waiting: deque[Delivery]) -> list[list[Delivery]]:
        batches = list[list[Delivery]]()
        while waiting and len(batches) < WORKERS:
            size = min(len(waiting), self._random.randint(1, LARGEST_BATCH))
            batches.append([waiting.popleft() for _ in range(size)])
        return batches

    def _work_off(self, batch: list[Delivery]) -> list[Delivery]:
        try:
            processed = self._processor.process([_told(one) for one in batch])
        except RetryLater:
            return batch
        return [one for one in batch if one.event_id in processed.later]


def _told(delivery: Delivery) -> Fact | Notice:
    event = decode_event(delivery.event_id, delivery.body)
    kind, told = handlers.read(event)
    payload, received_at = delivery.body.decode(), datetime.now(UTC)
    if isinstance(told, Query):
        return Notice(event, kind, told, payload, received_at, 1)
    return Fact(event, told, payload, received_at, 1, app_of(event.data.object))
