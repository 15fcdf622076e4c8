"""`billing events` on a real Redis and real databases."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from rich.console import Console

from billing_core.cli.output import UNWRAPPED
from billing_core.errors import MalformedEvent
from billing_core.models import BillingEvent, Invoice
from billing_core.models.declarative import utc_now
from config.queues import Family
from tests.billing_core.cli.operator import Operation, billing
from tests.building import event_body, invoice, subscription
from tests.stores import count, outcomes
from workers.handlers import HANDLERS, Handler

PAID, FAILED = "invoice.payment_succeeded", "invoice.payment_failed"


def invoices(*numbers: int, type: str = PAID, **fields: Any) -> dict[str, bytes]:  # noqa: A002  (Stripe's name)
    """Return bodies of events by their ID, each about an invoice of its own."""
    return {
        f"evt_{number}": event_body(invoice(f"in_{number}", **fields), id=f"evt_{number}", type=type)
        for number in numbers
    }


def listed(*options: str) -> list[str]:
    answer = billing("events", "list", "--json", *options)
    assert (answer.code, answer.err) == (0, "")
    return [event["stripe_event_id"] for event in answer.json()]


def age(operation: Operation, event_id: str, **ago: float) -> None:
    """Let an event have been received so long ago."""
    with operation.here.database.write() as session:
        statement = sa.update(BillingEvent).where(BillingEvent.stripe_event_id == event_id)
        session.execute(statement.values(received_at=utc_now() - timedelta(**ago)))


@pytest.fixture
def history(operation: Operation) -> Operation:
    """evt_1 applied two days ago, evt_2 dead of a missing customer, evt_3 dead of a currency, evt_4 parked."""
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    operation.handle(invoices(1))
    age(operation, "evt_1", days=2)
    operation.handle(invoices(2, customer=None))
    operation.handle(invoices(3, currency=7, type=FAILED))
    operation.handle(invoices(4, customer="cus_9"))
    return operation


@contextmanager
def bug() -> Iterator[None]:
    """The release whose handler fails."""

    def fail(_event: object) -> Any:
        raise KeyError("period")

    with patch.dict(HANDLERS, {PAID: Handler(HANDLERS[PAID].kind, fail)}):
        yield


# --- list


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["evt_4", "evt_3", "evt_2", "evt_1"]),
        (["--limit", "2"], ["evt_4", "evt_3"]),
        (["--outcome", "dead"], ["evt_3", "evt_2"]),
        (["--outcome", "stale"], []),
        (["--type", FAILED], ["evt_3"]),
        (["--error", "has no customer"], ["evt_2"]),
        (["--error", "%"], []),
        (["--since", "24h"], ["evt_4", "evt_3", "evt_2"]),
        (["--since", "3d"], ["evt_4", "evt_3", "evt_2", "evt_1"]),
        (["--outcome", "dead", "--type", PAID, "--since", "30m"], ["evt_2"]),
        (["--object", "in_3"], ["evt_3"]),
        (["--customer", "cus_9"], ["evt_4"]),
        (["--customer", "cus_1", "--outcome", "applied"], ["evt_1"]),
        (["--user", "1"], ["evt_1"]),
        (["--user", "2"], []),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("history")
def test_list_shows_the_newest_first_and_what_all_its_filters_let_pass(options: list[str], expected: list[str]) -> None:
    assert listed(*options) == expected


@pytest.mark.usefixtures("history")
def test_list_as_json_has_moments_and_reasons_and_no_payload() -> None:
    event = billing("events", "list", "--json", "--outcome", "parked").json()[0]
    assert event["object_id"] == "in_4"
    assert event["reason"].startswith("no user is linked to the customer")
    assert event["received_at"].endswith("+00:00")
    assert "event_data" not in event
    assert "error" not in event


@pytest.mark.usefixtures("history")
def test_list_in_a_pipe_has_each_event_on_one_line() -> None:
    answer = billing("events", "list")
    assert answer.code == 0
    heading, *rows = answer.lines
    assert heading.split()[:3] == ["stripe_event_id", "event_type", "object_id"]
    assert [row.split()[:4] for row in rows[2:]] == [
        ["evt_2", PAID, "in_2", "dead"],
        ["evt_1", PAID, "in_1", "applied"],
    ]


def test_list_shows_brackets_as_they_are(operation: Operation) -> None:
    operation.handle(invoices(1, customer=None))
    with operation.here.database.write() as session:
        session.execute(sa.update(BillingEvent).values(reason="[/red] is [bold]no[/] markup"))
    assert "[/red] is [bold]no[/] markup" in billing("events", "list").out


# --- show


@pytest.mark.usefixtures("history")
def test_show_tells_what_an_applied_event_changed() -> None:
    answer = billing("events", "show", "evt_1")
    assert answer.code == 0
    shown = dict(
        line.split(maxsplit=1) for line in answer.lines if line.startswith(("outcome", "object_id", "changes"))
    )
    assert (shown["outcome"].strip(), shown["object_id"].strip()) == ("applied", "in_1")
    assert "'status': [None, 'paid']" in shown["changes"]
    assert "--json shows it" in answer.out


@pytest.mark.usefixtures("history")
def test_show_of_a_dead_event_ends_with_its_traceback() -> None:
    answer = billing("events", "show", "evt_3")
    assert "Traceback (most recent call last)" in answer.out
    assert answer.lines[-1].startswith("billing_core.errors.MalformedEvent: evt_3:")


@pytest.mark.usefixtures("history")
def test_show_as_json_has_the_payload() -> None:
    event = billing("events", "show", "evt_3", "--json").json()
    assert json.loads(event["event_data"])["data"]["object"]["currency"] == 7
    assert event["outcome"] == "dead"


def test_show_of_an_unknown_event_is_one_line_and_exit_code_1(operation: Operation) -> None:
    answer = billing("events", "show", "evt_none")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("evt_none is not on record")


# --- replay


def test_replay_of_an_applied_event_says_so_and_does_nothing(operation: Operation) -> None:
    operation.handle(invoices(1))
    before = operation.event("evt_1")
    answer = billing("events", "replay", "evt_1")
    assert (answer.code, answer.lines) == (0, ["evt_1: already applied, nothing to do", "replayed=0 failed=0"])
    assert operation.queued() == []
    assert operation.event("evt_1").processed_at == before.processed_at


def test_dead_letter_is_applied_after_the_handler_is_mended(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1))
    letter = operation.event("evt_1")
    assert (letter.outcome, letter.reason.split(":")[0]) == ("dead", "MalformedEvent")
    with operation.working():
        answer = billing("events", "replay", "--outcome", "dead")
    assert (answer.code, answer.lines) == (0, ["evt_1: applied", "replayed=1 failed=0"])
    mended = operation.event("evt_1")
    assert (mended.outcome, mended.reason, mended.error) == ("applied", None, None)
    assert (mended.event_id, mended.event_data) == (letter.event_id, letter.event_data)
    assert count(operation.here.database, BillingEvent) == count(operation.here.database, Invoice) == 1


def test_event_that_fails_again_makes_exit_code_1_and_others_pass(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1) | invoices(2, customer=None))
    with operation.working():
        answer = billing("events", "replay", "evt_2", "evt_1")
    assert answer.code == 1
    assert sorted(answer.lines) == ["evt_1: applied", "evt_2: dead", "replayed=2 failed=1"]
    assert outcomes(operation.here.database) == {"evt_1": "applied", "evt_2": "dead"}


def test_event_that_no_worker_takes_up_makes_exit_code_1_and_stays_queued(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1))
    answer = billing("events", "replay", "evt_1", "--timeout", "0.2")
    assert answer.code == 1
    assert answer.lines == ["evt_1: not taken up in time; is a worker running?", "replayed=1 failed=1"]
    operation.work()
    assert outcomes(operation.here.database) == {"evt_1": "applied"}


def test_replay_of_what_is_queued_already_queues_it_no_second_time(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1))
    for _ in range(2):
        billing("events", "replay", "evt_1", "--timeout", "0")
    assert operation.queued() == ["evt_1"]


def test_unknown_event_makes_exit_code_1_and_others_are_replayed(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1))
    with operation.working():
        answer = billing("events", "replay", "evt_none", "evt_1")
    assert (answer.code, answer.lines) == (
        1,
        ["evt_none: not on record", "evt_1: applied", "replayed=1 failed=0"],
    )


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--outcome", "dead"], ["evt_2", "evt_3"]),
        (["--outcome", "parked"], ["evt_4"]),
        (["--type", PAID], ["evt_2", "evt_4"]),
        (["--error", "customer"], ["evt_2", "evt_4"]),
        (["--since", "24h"], ["evt_2", "evt_3", "evt_4"]),
        (["--since", "3d", "--type", FAILED], ["evt_3"]),
        (["--customer", "cus_9"], ["evt_4"]),
        (["--object", "in_2", "--outcome", "dead"], ["evt_2"]),
        (["evt_4", "evt_3", "evt_4"], ["evt_4", "evt_3"]),
    ],
    ids=" ".join,
)
def test_dry_run_names_what_would_be_replayed_oldest_first_and_queues_nothing(
    operation: Operation, options: list[str], expected: list[str]
) -> None:
    answer = billing("events", "replay", "--dry-run", *options)
    assert (answer.code, answer.lines) == (0, [f"{event_id}: would be replayed" for event_id in expected])
    assert operation.queued() == []


def test_replay_as_json_tells_each_event_and_nothing_else(operation: Operation) -> None:
    with bug():
        operation.handle(invoices(1) | invoices(2, customer=None))
    operation.handle(invoices(3))
    with operation.working():
        answer = billing("events", "replay", "evt_1", "evt_2", "evt_3", "evt_none", "--json")
    assert answer.code == 1
    assert answer.json() == {
        "dry_run": False,
        "replayed": {"evt_1": "applied", "evt_2": "dead"},
        "settled": {"evt_3": "applied"},
        "refused": {"evt_none": "not on record"},
        "failed": ["evt_2"],
    }


@pytest.mark.usefixtures("history")
def test_dry_run_names_what_cannot_be_replayed_too() -> None:
    answer = billing("events", "replay", "--dry-run", "evt_1", "evt_none")
    assert (answer.code, answer.lines) == (1, ["evt_none: not on record", "evt_1: already applied, nothing to do"])


def test_event_that_was_unreadable_is_replayed_when_it_can_be_read(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(event_id: str, _payload: bytes) -> None:
        raise MalformedEvent(f"{event_id} is no Stripe event")

    with monkeypatch.context() as former_release:
        former_release.setattr("workers.batch.read_event", fail)
        operation.handle(invoices(1))
    assert operation.event("evt_1").event_type == "unreadable"
    with operation.working():
        answer = billing("events", "replay", "evt_1")
    assert (answer.code, answer.lines[0]) == (0, "evt_1: applied")


@pytest.mark.parametrize("body", [b"{", event_body(invoice(), id="evt_1", type="invoice.sent")], ids=["cut", "type"])
def test_event_that_nothing_handles_is_not_replayed(operation: Operation, body: bytes) -> None:
    operation.handle({"evt_1": body})
    event_type = operation.event("evt_1").event_type
    answer = billing("events", "replay", "evt_1")
    assert (answer.code, answer.lines[0]) == (1, f"evt_1: nothing handles an event of type {event_type}")
    assert operation.queued() == []


def test_replay_goes_to_the_queue_of_the_events_family(operation: Operation) -> None:
    body = event_body(subscription(customer=None), id="evt_1")
    operation.handle({"evt_1": body}, Family.SUBSCRIPTION)
    billing("events", "replay", "evt_1", "--timeout", "0")
    assert operation.here.inbox.depth(Family.SUBSCRIPTION)[:2] == (1, 1)


@pytest.mark.usefixtures("history")
def test_replay_shows_its_progress_at_a_terminal(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "billing_core.cli.output.watching", lambda: Console(stderr=True, force_terminal=True, width=UNWRAPPED)
    )
    with operation.working():
        answer = billing("events", "replay", "--outcome", "dead")
    assert answer.code == 1
    assert "replaying" in answer.err
    assert "100%" in answer.err
    assert sorted(answer.lines) == ["evt_2: dead", "evt_3: dead", "replayed=2 failed=2"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay"],
        ["replay", "evt_1", "--outcome", "dead"],
        ["replay", "--since", "24"],
        ["replay", "--since", "-5h"],
        ["list", "--since", "999999999d"],
        ["list", "--outcome", "lost"],
        ["list", "--limit", "0"],
        ["forget"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_before_anything_is_looked_up(arguments: list[str]) -> None:
    answer = billing("events", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("billing events")
    assert answer.err.endswith("--help\n")
    assert answer.err.count("\n") == 1
