"""What operators look for in BillingEvents, and what may leave it."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.database import Database
from billing_core.event_log import (
    LISTED,
    Selection,
    count_outcomes,
    count_unresolved,
    find_event,
    ids_to_replay,
    list_events,
    purge,
)
from billing_core.models import BillingEvent
from billing_core.ordering import Outcome
from tests.building import moment
from tests.stores import count, outcomes


def store(database: Database, *rows: dict[str, Any]) -> None:
    """Write events, each a second after the one before."""
    common = {"event_type": "invoice.paid", "livemode": False, "outcome": "applied"}
    for position, fields in enumerate(rows):
        at = {name: moment(position) for name in ("stripe_created_at", "received_at", "processed_at")}
        with database.write() as session:
            session.execute(sa.insert(BillingEvent), [common | at | {"stripe_event_id": f"evt_{position}"} | fields])


def found(database: Database, **conditions: Any) -> list[str]:
    with database.read() as session:
        return [row["stripe_event_id"] for row in list_events(session, Selection(**conditions), 10)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["evt_3", "evt_2", "evt_1", "evt_0"]),
        ({"outcome": "dead"}, ["evt_3", "evt_1"]),
        ({"event_type": "refund.failed"}, ["evt_2", "evt_1"]),
        ({"outcome": "dead", "event_type": "refund.failed"}, ["evt_1"]),
        ({"since": moment(2)}, ["evt_3", "evt_2"]),
        ({"reason": "customer"}, ["evt_3"]),
        ({"reason": "100 %"}, ["evt_1"]),
        ({"reason": "%"}, ["evt_1"]),
        ({"reason": "_"}, ["evt_3"]),
        ({"reason": "[sic]"}, ["evt_1"]),
        ({"reason": "' OR 1=1 --"}, []),
    ],
    ids=str,
)
def test_selection_is_all_its_conditions_together(
    database: Database, conditions: dict[str, Any], expected: list[str]
) -> None:
    store(
        database,
        {},
        {"outcome": "dead", "event_type": "refund.failed", "reason": "100 % broken [sic]"},
        {"event_type": "refund.failed"},
        {"outcome": "dead", "reason": "no customer cus_1"},
    )
    assert found(database, **conditions) == expected


def test_list_is_the_newest_without_payload_and_traceback(database: Database) -> None:
    store(database, {}, {"event_data": "{}", "error": "Traceback"}, {"event_data": "{}", "error": "Traceback"})
    with database.read() as session:
        rows = list_events(session, Selection(), 2)
    assert [row["stripe_event_id"] for row in rows] == ["evt_2", "evt_1"]
    assert {tuple(row) for row in rows} == {("event_id", *LISTED)}
    assert not {"event_data", "error"} & set(LISTED)


def test_event_is_found_by_stripes_id_byte_for_byte(database: Database) -> None:
    store(database, {})
    with database.read() as session:
        assert find_event(session, "EVT_0") is None
        event = find_event(session, "evt_0")
        assert event is not None
        assert event.outcome == "applied"


def test_replay_chooses_the_unresolved_unless_an_outcome_is_named(database: Database) -> None:
    store(database, *({"outcome": outcome} for outcome in Outcome))
    by_outcome = {outcome: f"evt_{position}" for position, outcome in enumerate(Outcome)}
    with database.read() as session:
        assert ids_to_replay(session, Selection()) == [by_outcome[Outcome.PARKED], by_outcome[Outcome.DEAD]]
        assert ids_to_replay(session, Selection(outcome="stale")) == [by_outcome[Outcome.STALE]]


def test_outcomes_are_counted_since_a_moment_and_unresolved_ones_for_ever(database: Database) -> None:
    store(database, {"outcome": "dead"}, {"outcome": "parked"}, {}, {"outcome": "dead"}, {})
    with database.read() as session:
        assert count_outcomes(session, moment(2)) == {"applied": 2, "dead": 1}
        assert count_outcomes(session, moment(9)) == {}
        assert count_unresolved(session) == {"dead": 2, "parked": 1}


def test_purge_deletes_events_received_before_but_for_the_unresolved(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at a time here: a transaction of a whole year would run into the statement timeout."""
    monkeypatch.setattr("billing_core.event_log.PURGED_AT_ONCE", 2)
    old = [{"outcome": outcome, "received_at": moment(-1)} for outcome in Outcome]
    store(database, *old, {"received_at": moment(0)}, {"received_at": moment(1)})
    assert purge(database, moment(0)) == 4
    assert outcomes(database) == {"evt_3": "parked", "evt_5": "dead", "evt_6": "applied", "evt_7": "applied"}
    assert purge(database, moment(0)) == 0


def test_purge_of_many_is_several_short_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_core.event_log.PURGED_AT_ONCE", 3)
    store(database, *({} for _ in range(7)))
    commits = list[int]()
    sa.event.listen(database.engine, "commit", lambda _connection: commits.append(1))
    assert purge(database, moment(0) + timedelta(days=1)) == 7
    assert count(database, BillingEvent) == 0
    assert len(commits) >= 3
