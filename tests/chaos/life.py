"""What goes on at Stripe while faults strike: customers live, and backend services send commands."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.celery import create_celery
from config.settings import Settings
from tests.convergence.history import ACTIONS, USERS, History
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.errors import Json, StripeFailure

PACE = 0.1  # s between two things that happen: some 10 events a second, which a loaded machine keeps up with
# Mostly no time at all: what happens in one second is what is hard. Never so long that what waits is older than the
# hour by which gap fill's windows overlap.
PAUSES = (0, 0, 0, 1, 60)  # s
FIRST_SUBSCRIBER = 1000  # users from here on get their customer by a command
COMMAND_PACE = 0.5  # s


class Customers(History):
    """A history that leaves the customers of commands alone, whose outcome would else depend on chance."""

    def _some(self, kind: str) -> str:
        with self.fake.sandbox.lock:
            tables = self.fake.sandbox.state.tables
            ids = sorted(object_id for object_id, obj in tables[kind].items() if self._is_ours(tables, obj))
        if not ids:
            raise StripeFailure(404, "invalid_request_error", f"no {kind} yet")
        return self.random.choice(ids)

    def _is_ours(self, tables: dict[str, dict[str, Json]], obj: Json) -> bool:
        if obj["object"] == "dispute":
            obj = tables["charge"][obj["charge"]]
        customer = obj if obj["object"] == "customer" else tables["customer"].get(obj["customer"] or "", {})
        return bool(customer) and int((customer.get("metadata") or {}).get("user_id", 0)) < FIRST_SUBSCRIBER


class Life:
    """Histories and commands, each in a thread of its own while `going_on`."""

    def __init__(self, random: Random, fake: FakeStripe, redis_url: str) -> None:
        self.history = Customers(random, fake)
        self.sent: dict[str, int] = {}
        """Users of the commands that were surely sent, by the commands' keys."""
        self._fake = fake
        self._redis_url = redis_url
        self._subscribers = itertools.count(FIRST_SUBSCRIBER)
        self._stop = threading.Event()
        self.history.sign_up()

    @contextmanager
    def going_on(self, *, commands: bool = True) -> Iterator[None]:
        """Let things happen until the block ends."""
        self._stop.clear()
        threads = [threading.Thread(target=self._live)]
        threads += [threading.Thread(target=self._command)] if commands else []
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _live(self) -> None:
        random = self.history.random
        while not self._stop.wait(PACE):
            try:
                random.choice(ACTIONS)(self.history)
            except StripeFailure:
                continue  # it makes no sense at the moment: nothing happened
            self._fake.clock.advance(seconds=random.choice(PAUSES))

    def _command(self) -> None:
        sender = create_celery(Settings(env="test", redis_url=self._redis_url))
        try:
            while not self._stop.wait(COMMAND_PACE):
                self._send(sender)
        finally:
            sender.close()

    def _send(self, sender: Celery) -> None:
        user = next(self._subscribers)
        key = f"key-{user}"
        arguments: dict[str, Any] = {"user_id": user, "payment_method_id": "pm_card_visa"}
        try:
            sender.send_task(
                "billing.create_subscription",
                kwargs=arguments | {"idempotency_key": key, "subject": "chaos"},
                retry=False,
            )
        except (OperationalError, RedisError, OSError):
            return  # the sender knows, and sends it again: not ours to keep
        self.sent[key] = user


def users() -> list[int]:
    """Return all users that there may be: those of the histories, and those of more commands than will be sent."""
    return [*USERS, *range(FIRST_SUBSCRIBER, FIRST_SUBSCRIBER + 2000)]
