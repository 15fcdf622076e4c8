from typing import Any

import pytest

from billing_core.database import Database
from billing_core.errors import RaceLost
from billing_core.guard import ABSENT, Held, Write, read_held, write_states
from billing_core.kinds import SUBSCRIPTION
from billing_core.models import Subscription
from tests.building import moment, state
from tests.stores import count, row

OWNED = {"user_id": 1}


def write(database: Database, *writes: Write) -> dict[str, int]:
    with database.write() as session:
        return write_states(session, SUBSCRIPTION, writes)


def first(stripe_id: str = "sub_1") -> Write:
    return Write(ABSENT, state(id=stripe_id), f"evt_{stripe_id}", OWNED)


def held(database: Database, *stripe_ids: str) -> dict[str, Held]:
    with database.read() as session:
        return read_held(session, SUBSCRIPTION, stripe_ids)


def test_row_reads_back_as_it_was_written(database: Database) -> None:
    written = write(database, first())
    assert held(database, "sub_1", "sub_2") == {"sub_1": Held(written["sub_1"], 1, state())}


def test_object_without_a_row_holds_nothing() -> None:
    assert (ABSENT.own_id, ABSENT.revision, ABSENT.record) == (None, 0, None)


def test_each_write_raises_the_revision(database: Database) -> None:
    write(database, first())
    before = held(database, "sub_1")["sub_1"]
    written = write(database, Write(before, state(at=5, status="past_due"), None, OWNED))
    now = row(database, Subscription, stripe_subscription_id="sub_1")
    assert written == {"sub_1": before.own_id}
    assert (now.revision, now.status, now.as_of, now.last_event_id) == (2, "past_due", moment(5), None)
    assert now.updated_at > now.created_at


def test_write_over_a_row_that_changed_meanwhile_loses_and_leaves_it_alone(database: Database) -> None:
    write(database, first())
    before = held(database, "sub_1")["sub_1"]
    write(database, Write(before, state(at=5, status="past_due"), "evt_5", OWNED))
    with pytest.raises(RaceLost, match="1 of 1 rows of Subscriptions changed meanwhile"):
        write(database, Write(before, state(at=9, status="unpaid"), "evt_9", OWNED))
    now = row(database, Subscription, stripe_subscription_id="sub_1")
    assert (now.revision, now.status) == (2, "past_due")


def test_batch_with_one_lost_race_writes_nothing(database: Database) -> None:
    write(database, first("sub_1"), first("sub_2"))
    before = held(database, "sub_1", "sub_2")
    write(database, Write(before["sub_2"], state(id="sub_2", at=5), None, OWNED))
    late = [Write(before[one], state(id=one, at=9, status="unpaid"), None, OWNED) for one in before]
    with pytest.raises(RaceLost, match="1 of 2 rows"):
        write(database, *late, first("sub_3"))
    assert {one.state.as_of for one in held(database, "sub_1", "sub_2").values() if one.state} == {moment(), moment(5)}
    assert count(database, Subscription) == 2


def test_batch_returns_our_ids_of_new_and_old_rows(database: Database) -> None:
    old = write(database, first("sub_2"))
    again = Write(held(database, "sub_2")["sub_2"], state(id="sub_2", at=5), None, OWNED)
    ids = write(database, first("sub_3"), again, first("sub_1"))
    assert ids.keys() == {"sub_1", "sub_2", "sub_3"}
    assert ids["sub_2"] == old["sub_2"]
    assert len(set(ids.values())) == 3


def test_nothing_to_write_writes_nothing(database: Database) -> None:
    assert write(database) == {}


@pytest.fixture
def counting_no_batches(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database whose driver, like pyodbc, cannot say how many rows a batch of statements changed."""
    monkeypatch.setattr(any_database.engine.dialect, "supports_sane_multi_rowcount", False)
    return any_database


def test_guard_holds_on_a_driver_that_counts_no_batches(counting_no_batches: Database) -> None:
    database, one, other = counting_no_batches, "sub_1", "sub_2"
    write(database, first(one), first(other))
    before = held(database, one, other)
    news: dict[str, Any] = {stripe_id: state(id=stripe_id, at=5, status="past_due") for stripe_id in before}
    write(database, *(Write(before[stripe_id], news[stripe_id], None, OWNED) for stripe_id in before))
    assert {held.revision for held in held_all(database)} == {2}
    with pytest.raises(RaceLost, match="2 of 2 rows"):
        write(database, *(Write(before[stripe_id], news[stripe_id], None, OWNED) for stripe_id in before))


def held_all(database: Database) -> list[Held]:
    return list(held(database, "sub_1", "sub_2").values())
