"""`billing events reseal`: what it says, and what it refuses."""

from base64 import b64encode

import pytest
import sqlalchemy as sa

from billing_core.actions import list_actions
from billing_core.database import Database
from billing_core.models import BillingEvent
from billing_core.payloads import Payloads
from billing_core.sealing import fingerprint
from tests.billing_core.cli.operator import Operation, billing
from tests.building import event_body, invoice

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
def database(any_database: Database) -> Database:
    """What is written on each, tests/billing_core/test_resealing.py tells."""
    return any_database


@pytest.fixture
def event(operation: Operation) -> Operation:
    """An event that is sealed with the old key."""
    operation.handle({"evt_1": event_body(invoice(), id="evt_1")})
    sealed = Payloads([OLD]).kept("evt_1", {"id": "evt_1"})
    with operation.here.database.write() as session:
        session.execute(sa.update(BillingEvent).values(event_data=sealed))
    return operation


def configure(monkeypatch: pytest.MonkeyPatch, *keys: bytes) -> None:
    monkeypatch.setenv("BILLING_EVENT_DATA_KEYS", ",".join(b64encode(key).decode() for key in keys))


def recorded(operation: Operation) -> list[tuple[str, object]]:
    with operation.here.database.read() as session:
        return [(one["action"], one["details"]) for one in list_actions(session)]


def test_reseal_counts_is_recorded_and_can_be_tried(event: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, NEW, OLD)
    answer = billing("events", "reseal", "--dry-run")
    assert (answer.code, answer.lines) == (0, [f"key={fingerprint(OLD)} left=1", "resealed=0 left=1"])
    assert recorded(event) == []
    answer = billing("events", "reseal")
    assert (answer.code, answer.lines) == (0, ["resealed=1 left=0"])
    assert recorded(event) == [("events.reseal", {"key": fingerprint(NEW), "limit": None})]
    assert billing("events", "show", "evt_1", "--json").json()["event_data"] == '{"id":"evt_1"}'


def test_missing_key_is_named(event: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, NEW)
    answer = billing("events", "reseal", "--json")
    assert (answer.code, answer.json()["left"]) == (1, {fingerprint(OLD): 1})
    assert fingerprint(OLD) in answer.err
    assert event.event("evt_1").event_data.startswith("sealed:1:")


def test_without_a_key_there_is_nothing_to_seal_with(event: Operation) -> None:
    answer = billing("events", "reseal")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("BILLING_EVENT_DATA_KEYS is missing")
    assert recorded(event) == []
