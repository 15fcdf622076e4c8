"""The command tasks, run in this process by Celery as a worker would: over a real database and fake Stripe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import redis
import sqlalchemy as sa
from celery.states import REJECTED
from pydantic import SecretStr

from billing_core.commands import Commands, CommandStatus
from billing_core.commands.arguments import ARGUMENTS
from billing_core.commands.execute import Executor
from billing_core.commands.queue import enqueue
from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.models import BillingCommand, User
from billing_core.stripe_api import StripeApi
from config.celery import create_celery
from config.queues import COMMAND_TASKS, COMMANDS_QUEUE, RUN_COMMAND_TASK
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.stores import count
from workers import commands as tasks
from workers.app import app

CREATE: dict[str, Any] = {"user_id": 1, "payment_method_id": "pm_card_visa"}
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


class Here:
    """A runtime over the test's parts."""

    def __init__(self, database: Database, stripe: StripeApi, price: str) -> None:
        self.settings = Settings(env="test", stall_time=0.001, visibility_timeout=41)
        self.database = database
        self.commands = Commands(database)
        self.executor = Executor(database, stripe, lease=30, longest_wait=0.1, default_price=price)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(seed=4) as fake:
        yield fake


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were queued, instead of sent to Redis."""
    sent = list[str]()
    monkeypatch.setattr(tasks, "enqueue", lambda _app, command_id, *_: sent.append(command_id))
    return sent


@pytest.fixture
def here(any_database: Database, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch, queued: list[str]) -> Here:
    with any_database.write() as session:
        session.execute(sa.text('DELETE FROM "BillingCustomers"'))
        assert session.get(User, 1)
    stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0)
    here = Here(any_database, stripe, fake.price)
    monkeypatch.setattr(tasks, "command_runtime", lambda: here)
    return here


def send(name: str, *positional: object, task_id: str = "task-1", **fields: Any) -> None:
    """Let Celery run the task as for a message with these fields; what a worker would log and drop is raised."""
    app.tasks[name].apply(positional, fields, task_id=task_id, throw=True)


def recorded(database: Database) -> BillingCommand:
    with database.read() as session:
        return session.scalars(sa.select(BillingCommand)).one()


def test_command_is_recorded_and_run(here: Here, fake: FakeStripe) -> None:
    send("billing.create_subscription", **CREATE, idempotency_key="k-1", subject="resumes")
    command = recorded(here.database)
    assert (command.status, command.idempotency_key, command.subject) == ("succeeded", "k-1", "resumes")
    assert len(fake.subscriptions) == 1


def test_message_that_is_delivered_twice_is_one_command(here: Here, fake: FakeStripe) -> None:
    for _ in range(2):
        send("billing.create_subscription", **CREATE)
    command = recorded(here.database)
    assert (command.idempotency_key, command.subject) == ("celery-task-1", "celery")
    assert len(fake.subscriptions) == 1


@pytest.mark.parametrize(
    ("name", "positional", "fields", "problem"),
    [
        ("billing.create_subscription", (), {"user_id": "one"}, "user_id"),
        ("billing.cancel_subscription", (), {"subscription_id": 99}, "there is no such subscription"),
        ("billing.refund_invoice", (3,), {}, "every argument needs its name"),
        ("billing.update_subscription", (), {"subscription_id": 1, "x" * 20: 1}, "does not have"),
        ("billing.create_subscription", (), CREATE | {"idempotency_key": 5}, "idempotency_key"),
        ("billing.create_subscription", (), CREATE | {"subject": "a\nb"}, "subject"),
    ],
)
def test_bad_arguments_are_refused_with_a_recorded_reason(
    here: Here, fake: FakeStripe, name: str, positional: tuple[object, ...], fields: dict[str, Any], problem: str
) -> None:
    send(name, *positional, **fields)
    command = recorded(here.database)
    assert (command.status, command.idempotency_key, command.arguments) == ("refused", "celery-task-1", {})
    assert command.error
    assert problem in command.error["message"]
    assert fake.request_log == []


def test_key_of_another_command_is_refused_with_a_recorded_reason(here: Here) -> None:
    send("billing.create_subscription", **CREATE, idempotency_key="k-1", subject="s")
    send("billing.create_subscription", task_id="task-2", **CREATE, quantity=2, idempotency_key="k-1", subject="s")
    with here.database.read() as session:
        refused = session.scalars(sa.select(BillingCommand).filter_by(status="refused")).one()
    assert refused.error
    assert refused.error["code"] == "key_reused"


def test_command_whose_outcome_is_unknown_is_queued_for_later(here: Here, fake: FakeStripe, queued: list[str]) -> None:
    fake.faults.add(status=503)
    send("billing.create_subscription", **CREATE)
    command = recorded(here.database)
    assert (command.status, queued) == ("pending", [command.command_id])
    send(RUN_COMMAND_TASK, command.command_id)
    assert recorded(here.database).status == "succeeded"


def test_message_goes_back_while_the_command_cannot_be_recorded(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(here.commands, "submit", away)
    sent: Any = app.tasks["billing.create_subscription"].apply((), CREATE, task_id="task-1")
    assert (sent.state, sent.result.requeue) == (REJECTED, True)
    assert count(here.database, BillingCommand) == 0


def test_database_that_goes_away_leaves_the_command_to_the_sweep(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(here.executor, "run", away)
    send(RUN_COMMAND_TASK, "cmd_1")


def test_unknown_command_is_dropped(here: Here) -> None:
    send(RUN_COMMAND_TASK, "cmd_none")
    assert count(here.database, BillingCommand) == 0


def test_sweep_queues_what_nobody_took_up(here: Here, queued: list[str]) -> None:
    command, _ = here.commands.submit("create_subscription", CREATE, idempotency_key=None, subject="s")
    send("billing.sweep_commands")
    assert queued == [command.command_id]


def test_sweep_waits_for_the_database(here: Here, monkeypatch: pytest.MonkeyPatch, queued: list[str]) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(tasks, "stalled", away)
    send("billing.sweep_commands")
    assert queued == []


def test_command_is_queued_where_the_workers_look(redis_url: str) -> None:
    sender = create_celery(Settings(env="test", redis_url=redis_url))
    enqueue(sender, "cmd_1")
    with redis.Redis.from_url(redis_url) as client:
        [message] = client.lrange(f"{{billing}}:{COMMANDS_QUEUE}", 0, -1)
    decoded = json.loads(message)
    assert decoded["headers"]["task"] == RUN_COMMAND_TASK
    assert json.loads(decoded["body"])[0] == ["cmd_1"]
    sender.close()


def test_command_waits_for_the_sweep_while_redis_is_away(closed_port: int) -> None:
    sender = create_celery(Settings(env="test", redis_url=f"redis://127.0.0.1:{closed_port}/0"))
    enqueue(sender, "cmd_1")
    sender.close()


@pytest.mark.parametrize("name", COMMAND_TASKS)
def test_each_task_has_its_schema_as_the_arguments_are(name: str) -> None:
    """To write the files anew: python -m tests.workers.task_schemas"""
    from tests.workers.task_schemas import schema_of  # noqa: PLC0415  (only here)

    assert name in app.tasks
    assert json.loads((SCHEMAS / f"{name}.json").read_text()) == schema_of(name)
    assert ARGUMENTS[name.removeprefix("billing.")]


def test_schema_takes_what_the_task_takes_and_refuses_what_it_refuses() -> None:
    schema = jsonschema_rs.validator_for(json.loads((SCHEMAS / "billing.create_subscription.json").read_text()))
    assert schema.is_valid(CREATE | {"idempotency_key": "k", "subject": "s"})
    assert not schema.is_valid(CREATE | {"user_id": "1"})
    assert not schema.is_valid(CREATE | {"colour": "blue"})


def test_statuses_are_final_or_not() -> None:
    unfinished = {status for status in CommandStatus if not status.final}
    assert unfinished == {CommandStatus.PENDING, CommandStatus.RUNNING}
