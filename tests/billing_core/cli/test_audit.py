"""Each command that changes something is on record, with who ran it, before its effect."""

import getpass
from collections.abc import Iterator
from typing import Any

import pytest

from billing_core.actions import list_actions
from billing_core.cli import audit
from billing_core.models import BillingAction
from tests.billing_core.cli.operator import Operation, billing
from tests.building import event_body, invoice
from tests.fake_stripe import FakeStripe


@pytest.fixture(autouse=True)
def _jane_is_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    with FakeStripe(rate=0) as fake:
        monkeypatch.setenv("STRIPE_SECRET_KEY", fake.api_key)
        monkeypatch.setenv("STRIPE_API_BASE", fake.url)
        monkeypatch.setenv("BILLING_STRIPE_MAX_RETRIES", "0")
        monkeypatch.setenv("BILLING_RECONCILE_SETTLE", "0.001")
        yield fake


def recorded(operation: Operation) -> list[tuple[str, str | None, Any]]:
    with operation.here.database.read() as session:
        actions = list_actions(session)
    assert {(one["subject"], one["source"]) for one in actions} <= {("cli:jane", "cli")}
    return [(one["action"], one["target"], one["details"]) for one in actions]


def dead(operation: Operation, *numbers: int) -> None:
    names = [f"evt_{number}" for number in numbers]
    operation.handle({name: event_body(invoice(customer=None), id=name) for name in names})


def test_replay_of_one_event_has_it_as_its_target(operation: Operation) -> None:
    dead(operation, 1)
    billing("events", "replay", "evt_1", "--timeout", "0")
    assert recorded(operation) == [("events.replay", "evt_1", {"events": 1, "first_event_ids": ["evt_1"]})]


def test_replay_of_many_names_them(operation: Operation) -> None:
    dead(operation, 1, 2)
    billing("events", "replay", "--outcome", "dead", "--timeout", "0")
    assert recorded(operation) == [("events.replay", None, {"events": 2, "first_event_ids": ["evt_1", "evt_2"]})]


def test_link_is_recorded_with_the_former_user(operation: Operation) -> None:
    billing("customers", "link", "cus_1", "2")
    assert recorded(operation) == [("customers.link", "cus_1", {"user_id": 2, "former_user_id": 1})]


def test_purge_is_recorded_with_its_limit(operation: Operation) -> None:
    billing("purge", "--older-than", "400d", "--yes")
    [(action, target, details)] = recorded(operation)
    assert (action, target, details.keys()) == ("events.purge", None, {"received_before"})


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["reconcile", "--repair", "--kind", "invoice"], "reconcile.repair"),
        (["backfill"], "backfill"),
        (["gaps"], "gaps.fill"),
        (["endpoint", "create", "--url", "https://billing.example.com/webhooks/stripe"], "endpoint.create"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
@pytest.mark.usefixtures("fake")
def test_what_changes_something_is_recorded(operation: Operation, command: list[str], expected: str) -> None:
    billing(*command)
    assert [action for action, *_ in recorded(operation)] == [expected]


@pytest.mark.parametrize(
    "command",
    [
        ["events", "replay", "evt_1", "--dry-run"],
        ["events", "replay", "evt_none"],
        ["customers", "link", "cus_9", "99"],
        ["reconcile"],
        ["gaps", "--dry-run"],
        ["endpoint", "check", "--url", "https://billing.example.com/webhooks/stripe"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("fake")
def test_what_changes_nothing_is_not(operation: Operation, command: list[str]) -> None:
    dead(operation, 1)
    billing(*command)
    assert recorded(operation) == []


def test_what_cannot_be_recorded_is_not_done(operation: Operation, fake: FakeStripe) -> None:
    with operation.here.database.engine.begin() as connection:
        BillingAction.__table__.drop(connection)  # type: ignore[attr-defined]  # a Table, which mypy takes for a FromClause
    try:
        billing("endpoint", "create", "--url", "https://billing.example.com/webhooks/stripe")
        assert not fake.state["webhook_endpoint"]
    finally:
        with operation.here.database.engine.begin() as connection:
            BillingAction.__table__.create(connection)  # type: ignore[attr-defined]  # the same


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_operator_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail() -> str:
        raise error("no entry")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert audit.operator() == "cli:unknown"
