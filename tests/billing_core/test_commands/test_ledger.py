from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from billing_core.commands import Command, Commands, CommandStatus, InvalidArguments, KeyReused
from billing_core.database import Database
from billing_core.models import BillingCommand
from tests.stores import count

CREATE: dict[str, Any] = {"user_id": 1, "payment_method_id": "pm_1"}


def submit(
    commands: Commands, key: str | None = "key", subject: str = "me", name: str = "create_subscription", **given: Any
) -> tuple[Command, bool]:
    return commands.submit(name, given or CREATE, idempotency_key=key, subject=subject)


@pytest.fixture
def commands(database: Database) -> Commands:
    return Commands(database)


def test_new_command_is_on_record(commands: Commands) -> None:
    command, created = submit(commands)
    assert created
    assert command == commands.find(command.command_id)
    assert (command.status, command.attempts, command.user_id) == (CommandStatus.PENDING, 0, 1)
    assert (command.subject, command.idempotency_key) == ("me", "key")
    assert command.arguments == CREATE | {
        "price_id": None,
        "quantity": 1,
        "trial_days": None,
        "coupon": None,
        "promotion_code": None,
        "metadata": {},
    }
    assert command.command_id.startswith("cmd_")
    assert len(command.command_id) == 28


def test_same_key_and_arguments_are_the_same_command(commands: Commands, database: Database) -> None:
    first, _ = submit(commands)
    assert submit(commands, **CREATE, quantity=1) == (first, False)
    assert count(database, BillingCommand) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": 2, "payment_method_id": "pm_1"},
        {"subject": "somebody else"},
        {"name": "cancel_subscription", "subscription_id": "sub_1"},
    ],
)
def test_same_key_for_something_else_is_refused(commands: Commands, other: dict[str, Any]) -> None:
    submit(commands)
    with pytest.raises(KeyReused):
        submit(commands, **other)


def test_without_a_key_each_command_is_its_own(commands: Commands) -> None:
    first, second = submit(commands, key=None)[0], submit(commands, key=None)[0]
    assert first.command_id != second.command_id
    assert first.idempotency_key != second.idempotency_key


def test_many_at_once_with_one_key_are_one_command(commands: Commands, database: Database) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: submit(commands), range(200)))
    assert len({command.command_id for command, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    assert count(database, BillingCommand) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("create_subscription", {"user_id": 99, "payment_method_id": "pm_1"}, "user_id: there is no such user"),
        ("cancel_subscription", {"subscription_id": 99}, "subscription_id: there is no such subscription"),
        ("refund_invoice", {"invoice_id": 99}, "invoice_id: there is no such invoice"),
    ],
)
def test_command_about_nothing_of_ours_is_refused(
    commands: Commands, database: Database, name: str, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArguments, match=problem):
        commands.submit(name, arguments, idempotency_key=None, subject="me")
    assert count(database, BillingCommand) == 0


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "a\0b"])
def test_key_that_no_column_can_hold_is_refused(commands: Commands, key: str) -> None:
    with pytest.raises(InvalidArguments, match="idempotency_key"):
        submit(commands, key=key)


def test_refusal_is_on_record_with_its_reason(commands: Commands) -> None:
    refused = commands.refuse("refund_invoice", "invalid_arguments", ["amount: no"], idempotency_key="k", subject="me")
    assert (refused.status, refused.arguments) == (CommandStatus.REFUSED, {})
    assert refused.error
    assert (refused.error["code"], refused.error["message"]) == ("invalid_arguments", "amount: no")


def test_unknown_command_is_not_found(commands: Commands) -> None:
    assert commands.find("cmd_none") is None
