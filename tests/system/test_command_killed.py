"""kill -9 of the worker at each step of each command: Stripe does it once, and our rows equal what it holds."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from celery import Celery

from billing_core.commands import Command, Commands, CommandStatus
from billing_core.kinds import INVOICE, SUBSCRIPTION
from billing_core.models import BillingCommand, BillingEvent, Invoice, Refund, Subscription, User
from billing_core.shapes import invoice_record, subscription_record
from config.celery import create_celery
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.stores import count
from tests.system import service as parts
from tests.system.mortal.order import Order
from tests.system.mortal.processes import MortalWorker
from tests.system.service import WEBHOOK_SECRET, Service

# Faster than in production, in the same order.
FAST = {
    "BILLING_VISIBILITY_TIMEOUT": "6",
    "BILLING_RETRY_BACKOFF_MAX": "1",
    "BILLING_COMMAND_LEASE": "2",
    "BILLING_STALL_TIME": "0.5",
    "BILLING_SWEEP_INTERVAL": "0.5",
    "BILLING_STRIPE_MAX_RETRIES": "0",
    "BILLING_WORKER_CONCURRENCY": "1",
}
RECOVERY = 60  # s, the promise
ANSWER_DELAY = 3.0  # s between Stripe's doing and its answer: long enough to be killed in between


class Trial(NamedTuple):
    """Where the worker dies: at which boundary of which step, and the request that Stripe gets there."""

    boundary: str
    step: str
    method: str
    path: str


BOUNDARIES = ("before_call", "during_call", "after_call", "before_commit")
STEPS = {
    "create_subscription": [
        ("customer", "POST", "/v1/customers"),
        ("payment_method", "POST", "/v1/payment_methods/*/attach"),
        ("subscription", "POST", "/v1/subscriptions"),
    ],
    "update_subscription": [("update", "POST", "/v1/subscriptions/*")],
    "cancel_subscription": [("cancel", "DELETE", "/v1/subscriptions/*"), ("refund", "POST", "/v1/refunds")],
    "refund_invoice": [("refund", "POST", "/v1/refunds")],
}


class Scene:
    """The service and fake Stripe, and commands sent as by a service that has only Celery."""

    def __init__(self, service: Service, fake: FakeStripe, sender: Celery, order: Order) -> None:
        self.service, self.fake, self.sender, self.order = service, fake, sender, order
        self.commands = Commands(service.database)
        self.users = itertools.count(100)
        fake.add_endpoint(f"{service.web.url}/webhooks/stripe", secret=WEBHOOK_SECRET, events=["*"])

    def subscriber(self) -> dict[str, Any]:
        """Return the result of a new user's first subscription."""
        done = self.finished(self.send("create_subscription", **self.new_user()))
        assert done.status is CommandStatus.SUCCEEDED, done
        return done.result or {}

    def new_user(self) -> dict[str, Any]:
        user = next(self.users)
        with self.service.database.write() as session:
            session.execute(sa.insert(User), [{"user_id": user}])
        return {"user_id": user, "payment_method_id": "pm_card_visa"}

    def send(self, name: str, **arguments: Any) -> str:
        """Send the task, and return its command's key."""
        key = f"key-{next(self.users)}"
        self.sender.send_task(f"billing.{name}", kwargs=arguments | {"idempotency_key": key, "subject": "test"})
        return key

    def finished(self, key: str) -> Command:
        deadline = time.monotonic() + RECOVERY
        while time.monotonic() < deadline:
            with self.service.database.read() as session:
                row = session.scalar(sa.select(BillingCommand).where(BillingCommand.idempotency_key == key))
            if row and CommandStatus(row.status).final:
                found = self.commands.find(row.command_id)
                assert found
                return found
            time.sleep(0.05)
        pytest.fail(f"the command was not finished within {RECOVERY} s; see {self.service.worker.log}")

    def kill_at(self, trial: Trial, send: Callable[[], str]) -> Command:
        """Send a command, let the worker die where the trial says, start it again, and wait for the command."""
        worker = self.service.worker
        seen = len(self.fake.request_log)
        if trial.boundary == "during_call":
            self.fake.faults.add(method=trial.method, path=trial.path, latency_after=ANSWER_DELAY)
            key = send()
            wait_until(lambda: self._executed(trial, seen), "Stripe was not called")
            worker.kill()
        else:
            self.order.give(f"{trial.boundary} {trial.step}")
            key = send()
            wait_until(lambda: not worker.running, "the worker did not die")
        worker.start()
        return self.finished(key)

    def _executed(self, trial: Trial, since: int) -> bool:
        last = trial.path.rpartition("/")[2] if not trial.path.endswith("*") else ""
        return any(
            one.method == trial.method and one.status == 200 and one.path.endswith(last)
            for one in self.fake.request_log[since:]
        )

    def assert_rows_equal_stripe(self) -> None:
        """Every subscription, invoice and refund there is a row here, and says the same."""
        self.fake.wait_until_delivered(timeout=30)
        wait_until(self._rows_equal_stripe, "the rows differ from Stripe's objects")

    def _rows_equal_stripe(self) -> bool:
        with self.service.database.read() as session:
            held = {
                kind.stripe_id(state.record): state.record
                for kind in (SUBSCRIPTION, INVOICE)
                for row in session.execute(sa.select(*kind.held)).mappings()
                for state in [kind.state(row)]
            }
            refunds = set(session.scalars(sa.select(Refund.stripe_refund_id)))
        truth = {sub: subscription_record(obj) for sub, obj in self.fake.subscriptions.items()}
        truth |= {invoice: invoice_record(obj) for invoice, obj in self.fake.invoices.items()}  # type: ignore[misc]
        return bool(held == truth and refunds == set(self.fake.refunds))


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + RECOVERY
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


@pytest.fixture
def scene(tmp_path: Path, server_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(parts, "Worker", MortalWorker)
    order = Order(tmp_path)
    with FakeStripe(seed=9, start=time.time()) as fake:
        stripe = {"STRIPE_API_BASE": fake.url, "STRIPE_SECRET_KEY": fake.api_key, "BILLING_DEFAULT_PRICE": fake.price}
        with Service(tmp_path, server_database_url, FAST | stripe | order.environment) as service:
            sender = create_celery(Settings(env="test", redis_url=service.redis.url))
            yield Scene(service, fake, sender, order)
            sender.close()


def trials(name: str) -> list[Trial]:
    return [Trial(boundary, *step) for step in STEPS[name] for boundary in BOUNDARIES]


@pytest.mark.timeout(60 + 40 * 12)
def test_subscription_is_created_once_wherever_the_worker_dies(scene: Scene) -> None:
    for number, trial in enumerate(trials("create_subscription"), start=1):
        arguments = scene.new_user()
        done = scene.kill_at(trial, lambda given=arguments: scene.send("create_subscription", **given))  # type: ignore[misc]
        assert done.status is CommandStatus.SUCCEEDED, (trial, done)
        assert done.attempts == 2, trial
        made = [len(scene.fake.customers), len(scene.fake.subscriptions), len(scene.fake.invoices)]
        assert made == [number] * 3, trial
        assert len(scene.fake.charges) == number, trial
    scene.assert_rows_equal_stripe()
    assert count(scene.service.database, Subscription) == count(scene.service.database, Invoice) == number
    assert scene.fake.spec_violations == []
    assert joined(scene) == {"create_subscription"}


@pytest.mark.timeout(60 + 40 * 4)
def test_subscription_is_changed_once_wherever_the_worker_dies(scene: Scene) -> None:
    for trial in trials("update_subscription"):
        own_id = scene.subscriber()["subscription_id"]
        invoices = len(scene.fake.invoices)
        change = {"subscription_id": own_id, "quantity": 2, "proration": "always_invoice"}
        done = scene.kill_at(trial, lambda given=change: scene.send("update_subscription", **given))  # type: ignore[misc]
        assert done.status is CommandStatus.SUCCEEDED, (trial, done)
        assert len(scene.fake.invoices) == invoices + 1, trial
    scene.assert_rows_equal_stripe()
    assert scene.fake.spec_violations == []


@pytest.mark.timeout(60 + 40 * 8)
def test_subscription_is_canceled_and_refunded_once_wherever_the_worker_dies(scene: Scene) -> None:
    for number, trial in enumerate(trials("cancel_subscription"), start=1):
        wish = {"subscription_id": scene.subscriber()["subscription_id"], "refund": "last_invoice"}
        done = scene.kill_at(trial, lambda given=wish: scene.send("cancel_subscription", **given))  # type: ignore[misc]
        assert (done.status, done.error) == (CommandStatus.SUCCEEDED, None), (trial, done)
        assert len(scene.fake.refunds) == number, trial
        assert len(scene.fake.events_of("customer.subscription.deleted")) == number, trial
    scene.assert_rows_equal_stripe()
    assert scene.fake.spec_violations == []


@pytest.mark.timeout(60 + 40 * 4)
def test_invoice_is_refunded_once_wherever_the_worker_dies(scene: Scene) -> None:
    for number, trial in enumerate(trials("refund_invoice"), start=1):
        wish = {"invoice_id": scene.subscriber()["stripe_invoice_id"], "amount": 300}
        done = scene.kill_at(trial, lambda given=wish: scene.send("refund_invoice", **given))  # type: ignore[misc]
        assert done.status is CommandStatus.SUCCEEDED, (trial, done)
        assert [refund["amount"] for refund in scene.fake.refunds.values()] == [300] * number, trial
    scene.assert_rows_equal_stripe()
    assert scene.fake.spec_violations == []


def joined(scene: Scene) -> set[str]:
    """Return the names of the commands that subscriptions' first events lead to, by their idempotency keys."""
    with scene.service.database.read() as session:
        keys = session.scalars(
            sa.select(BillingEvent.idempotency_key).where(BillingEvent.event_type == "customer.subscription.created")
        ).all()
    found = [scene.commands.find((key or "").partition(":")[0]) for key in keys]
    return {command.name if command else "none" for command in found}
