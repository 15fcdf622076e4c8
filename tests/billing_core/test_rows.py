"""Many rows in one statement: the same effect on every database."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from billing_core.database import Database
from billing_core.dialects import GuardedRow, insert_rows, is_unique_violation, update_rows
from billing_core.models import BillingEvent
from tests.building import moment

TABLE = cast("sa.Table", BillingEvent.__table__)
# Beyond SQL Server's 2,100 parameters in a statement, and beyond its 1,000 rows.
MANY = 1200


def event(number: int, **fields: Any) -> dict[str, Any]:
    row = {
        "stripe_event_id": f"evt_{number:05}",
        "event_type": "invoice.paid",
        "livemode": False,
        "stripe_created_at": moment(number),
        "received_at": moment(number),
        "outcome": "parked",
        "attempts": 1,
        "user_id": None,
        "event_data": None,
        "changes": None,
        "error": None,
    }
    return BillingEvent.by_column(row | fields)


def insert(database: Database, *rows: dict[str, Any], returning: tuple[str, ...] = ()) -> dict[Any, Any]:
    with database.write() as session:
        return {row[0]: row[-1] for row in insert_rows(session.connection(), TABLE, rows, returning)}


def guarded(number: int, attempts: int, **new: Any) -> GuardedRow:
    held = {"StripeEventID": f"evt_{number:05}", "Attempts": attempts}
    return GuardedRow(held, BillingEvent.by_column({"attempts": attempts + 1} | new))


def update(database: Database, *rows: GuardedRow) -> int:
    with database.write() as session:
        return update_rows(session.connection(), TABLE, rows)


def stored(database: Database, attribute: str) -> dict[str, Any]:
    with database.read() as session:
        rows = session.execute(sa.select(BillingEvent.stripe_event_id, getattr(BillingEvent, attribute)))
        return {event_id: value for event_id, value in rows}  # noqa: C416  (typed rows)


def test_inserted_rows_tell_their_ids(database: Database) -> None:
    told = insert(database, *(event(number) for number in range(MANY)), returning=("StripeEventID", "EventID"))
    assert told == stored(database, "event_id")
    assert len(set(told.values())) == MANY


def test_values_come_back_as_they_were_written(database: Database) -> None:
    at = datetime(2026, 2, 28, 23, 59, 59, 123457, tzinfo=UTC)
    fields: dict[str, Any] = {
        "event_data": '{"text": "Zoë 字 \\u0041 \\\\ \\" [x] %s ? :name"}' + " " * 9000 + "end",
        "changes": {"status": [None, "it's"], "amount": [1, 2**53]},
        "error": "",
        "received_at": at,
        "stripe_created_at": at.astimezone(tz=None),
        "livemode": True,
        "user_id": 1,
    }
    insert(database, event(1, **fields), event(2))
    update(database, guarded(2, 1, **fields))
    for name, value in fields.items():
        assert stored(database, name) == {"evt_00001": value, "evt_00002": value}, name


def test_nothing_becomes_null_in_every_row_or_in_some(database: Database) -> None:
    insert(database, event(1, user_id=1, error="x", changes={"a": [1, 2]}), event(2))
    update(
        database, guarded(1, 1, user_id=None, error=None, changes=None), guarded(2, 1, user_id=2, error="y", changes={})
    )
    assert stored(database, "user_id") == {"evt_00001": None, "evt_00002": 2}
    assert stored(database, "error") == {"evt_00001": None, "evt_00002": "y"}
    assert stored(database, "changes") == {"evt_00001": None, "evt_00002": {}}


def test_only_rows_that_are_still_as_held_are_written_over(database: Database) -> None:
    insert(database, *(event(number) for number in range(3)))
    assert (
        update(database, guarded(0, 1, outcome="applied"), guarded(1, 7, outcome="applied"), guarded(9, 1, outcome="x"))
        == 1
    )
    assert stored(database, "outcome") == {"evt_00000": "applied", "evt_00001": "parked", "evt_00002": "parked"}


def test_ids_that_differ_in_case_are_different_rows(database: Database) -> None:
    insert(database, event(1), event(1, stripe_event_id="EVT_00001"))
    assert update(database, guarded(1, 1, outcome="applied")) == 1
    assert stored(database, "outcome") == {"evt_00001": "applied", "EVT_00001": "parked"}


def test_many_rows_are_all_written_over(database: Database) -> None:
    insert(database, *(event(number) for number in range(MANY)))
    later = {f"evt_{number:05}": moment(number) + timedelta(microseconds=number) for number in range(MANY)}
    assert update(database, *(guarded(number, 1, processed_at=at) for number, at in enumerate(later.values()))) == MANY
    assert stored(database, "processed_at") == later


def test_row_that_is_there_already_refuses_all(database: Database) -> None:
    insert(database, event(1))
    with pytest.raises(sa.exc.IntegrityError) as refused:
        insert(database, event(0), event(1), event(2))
    assert is_unique_violation(refused.value)
    assert stored(database, "outcome").keys() == {"evt_00001"}


@pytest.mark.parametrize("beyond", [2**63, 2**80])
def test_number_beyond_its_column_is_refused_and_never_rounded(database: Database, beyond: int) -> None:
    insert(database, event(1))
    with pytest.raises((sa.exc.DBAPIError, OverflowError)):
        update(database, guarded(1, 1, user_id=beyond))
    assert stored(database, "user_id") == {"evt_00001": None}


def test_no_rows_are_no_statement(database: Database) -> None:
    assert insert(database) == {}
    assert update(database) == 0
