"""One fake Stripe account: its objects, time, IDs and event history behind one lock."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fake_stripe.cards import CardBehaviour
from tests.fake_stripe.clock import Clock
from tests.fake_stripe.errors import Json, no_such
from tests.fake_stripe.ids import IdGenerator
from tests.fake_stripe.personal import People
from tests.fake_stripe.shapes import copied, difference
from tests.fake_stripe.state import State

# What the installed SDK pins, and so what a new account would have.
CURRENT_VERSION = "2026-10-28.endive"

UPDATED = {
    "charge": "charge.updated",
    "coupon": "coupon.updated",
    "customer": "customer.updated",
    "dispute": "charge.dispute.updated",
    "invoice": "invoice.updated",
    "invoiceitem": "invoiceitem.updated",
    "payment_method": "payment_method.updated",
    "price": "price.updated",
    "product": "product.updated",
    "promotion_code": "promotion_code.updated",
    "refund": "refund.updated",
    "subscription": "customer.subscription.updated",
}


@dataclass(frozen=True)
class Cause:
    """The API request behind what happens; both None when time itself is the cause."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass
class BillingSettings:
    """What a Stripe account configures in its dashboard."""

    # Days after a failed renewal at which the card is tried again, each counted from the last try.
    retry_days: tuple[float, ...] = (3, 5, 7)
    # What becomes of the subscription when no try is left: cancel, unpaid or past_due.
    after_last_retry: str = "cancel"
    # A renewal's draft can be edited for about an hour before it is finalized.
    draft_seconds: int = 3600
    # The first payment of a subscription has this long before the subscription expires.
    incomplete_seconds: int = 23 * 3600
    trial_reminder_seconds: int = 3 * 86400
    upcoming_seconds: int = 7 * 86400


@dataclass
class Sandbox:
    """Where the engine works: state, clock, IDs, cards, people and what has happened so far."""

    clock: Clock
    lock: threading.RLock
    seed: int = 0
    livemode: bool = False
    api_version: str = CURRENT_VERSION
    settings: BillingSettings = field(default_factory=BillingSettings)
    state: State = field(default_factory=State)
    cards: CardBehaviour = field(default_factory=CardBehaviour)
    events: dict[str, Json] = field(default_factory=dict)
    on_events: Callable[[list[Json]], None] = field(default=lambda _events: None)

    def __post_init__(self) -> None:
        self.ids = IdGenerator(self.seed)
        self.people = People(Random(self.seed))
        self.account_id = "acct_1" + self.ids.tail(15)
        self.cause = Cause()
        self._depth = 0
        self._fresh: list[Json] = []
        self._afterwards: list[Callable[[], object]] = []

    @contextmanager
    def acting(self, cause: Cause | None = None) -> Iterator[None]:
        """Do one request's or job's work at one moment, then hand its events to delivery."""
        with self.lock, self.clock.frozen():
            outer, self.cause = self.cause, cause or Cause()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._finish()
                self.cause = outer

    def at(self, due: float, action: Callable[..., None], *args: Any) -> None:
        """Let time itself do `action(sandbox, *args)` at `due`."""

        def job() -> None:
            with self.acting():
                action(self, *args)

        self.clock.at(due, job)

    def afterwards(self, action: Callable[..., object], *args: Any) -> None:
        """Do `action(sandbox, *args)` when the present request or job is through, in the same second."""
        self._afterwards.append(lambda: action(self, *args))

    def new(self, kind: str, prefix: str, **fields: Any) -> Json:
        """Return a new object with its ID, object name, created and livemode."""
        head = {"id": self.ids.new(prefix), "object": kind}
        return head | {"created": self.clock.timestamp(), "livemode": self.livemode} | fields

    def emit(self, event_type: str, obj: Json, previous: Json | None = None) -> Json:
        """Record an event with the object as it is now."""
        data: Json = {"object": copied(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        request = {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key}
        event = self.new("event", "evt", type=event_type, api_version=self.api_version, data=data)
        event |= {"pending_webhooks": 0, "request": request}
        self.events[event["id"]] = event
        self._fresh.append(event)
        return event

    @contextmanager
    def changing(self, obj: Json, event_type: str | None = None) -> Iterator[Json]:
        """Emit the object's `….updated` event if the block changed it; a block that fails changes nothing."""
        before = copied(obj)
        try:
            yield obj
        except BaseException:
            obj.clear()
            obj.update(before)
            raise
        previous = difference(before, obj)
        if previous:
            self.emit(event_type or UPDATED[obj["object"]], obj, previous)

    def customer(self, customer_id: str, param: str = "id") -> Json:
        """Return a customer that is not deleted."""
        found = self.state.get("customer", customer_id, param)
        if found.get("deleted"):
            raise no_such("customer", customer_id, param)
        return found

    def _finish(self) -> None:
        self._depth += 1
        while self._afterwards:
            self._afterwards.pop(0)()
        self._depth -= 1
        fresh, self._fresh = self._fresh, []
        if fresh:
            self.on_events(fresh)
