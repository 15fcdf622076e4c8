"""What is on record of what people did."""

from contextlib import suppress
from typing import Any

import pytest

from billing_core.actions import Source, list_actions, record_action
from billing_core.database import Database
from billing_core.models import BillingAction
from billing_core.models.declarative import utc_now
from tests.stores import count


def record(database: Database, action: str, **fields: Any) -> None:
    with database.write() as session:
        record_action(session, action, **{"subject": "cli:jane", "source": "cli"} | fields)


def listed(database: Database, **wanted: Any) -> list[tuple[str, str | None]]:
    with database.read() as session:
        return [(one["action"], one["target"]) for one in list_actions(session, **wanted)]


def test_action_comes_back_as_it_was_recorded(database: Database) -> None:
    before = utc_now()
    record(database, "customers.link", target="cus_1", details={"user_id": 7, "former_user_id": None})
    with database.read() as session:
        (action,) = list_actions(session)
    assert before <= action.pop("created_at") <= utc_now()
    assert action == {
        "subject": "cli:jane",
        "source": "cli",
        "action": "customers.link",
        "target": "cus_1",
        "details": {"user_id": 7, "former_user_id": None},
    }


def test_newest_come_first_and_all_that_is_asked_for_applies(any_database: Database) -> None:
    record(any_database, "events.replay", target="evt_1")
    record(any_database, "events.replay", target="evt_2", subject="ops@example.com", source=Source.CONSOLE)
    record(any_database, "users.erase", target="7")
    assert listed(any_database) == [("users.erase", "7"), ("events.replay", "evt_2"), ("events.replay", "evt_1")]
    assert listed(any_database, limit=1) == [("users.erase", "7")]
    assert listed(any_database, action="events.replay", subject="cli:jane") == [("events.replay", "evt_1")]
    assert listed(any_database, target="evt_2") == [("events.replay", "evt_2")]
    assert listed(any_database, target="EVT_2") == []


def test_action_is_gone_with_the_transaction_of_its_effect(any_database: Database) -> None:
    with suppress(InterruptedError), any_database.write() as session:
        record_action(session, "customers.link", subject="cli:jane", source="cli")
        raise InterruptedError
    assert count(any_database, BillingAction) == 0


def test_subject_longer_than_its_column_is_cut(any_database: Database) -> None:
    record(any_database, "console.login", subject="j" * 1000)
    with any_database.read() as session:
        assert list_actions(session)[0]["subject"] == "j" * 255


def test_source_that_is_none_is_refused(any_database: Database) -> None:
    with pytest.raises(ValueError, match="telepathy"):
        record(any_database, "users.erase", source="telepathy")
