"""Resealing: afterwards the older key may go, whatever happens meanwhile."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core import resealing
from billing_core.database import Database
from billing_core.models import BillingEvent
from billing_core.payloads import PLAIN, Payloads
from billing_core.resealing import count_outdated, reseal
from billing_core.sealing import fingerprint
from tests.building import moment
from tests.stores import row

LOST, OLD, NEW = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
BOTH = Payloads([NEW, OLD])
AT = dict.fromkeys(("stripe_created_at", "received_at", "processed_at"), moment())


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "RESEALED_AT_ONCE", 2)
    monkeypatch.setattr(resealing, "COUNTED_AT_ONCE", 2)


def kept(number: int, *keys: bytes) -> str:
    """Return what is stored of an event; its words are no ASCII, and longer than SQL Server's short texts."""
    return Payloads(keys).kept(f"evt_{number}", {"id": f"evt_{number}", "object": "é" * 5000})


def store(database: Database, stored: Sequence[str | None]) -> None:
    common = AT | {"event_type": "invoice.paid", "livemode": False, "outcome": "applied"}
    rows = [common | {"stripe_event_id": f"evt_{number}", "event_data": data} for number, data in enumerate(stored)]
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), rows)


def stored_of(database: Database, number: int) -> str | None:
    data: str | None = row(database, BillingEvent, stripe_event_id=f"evt_{number}").event_data
    return data


def test_every_payload_opens_with_the_newest_key_alone(database: Database) -> None:
    store(database, [kept(0), kept(1, OLD), None, kept(3, NEW), kept(4, OLD)])
    before = stored_of(database, 3)
    assert count_outdated(database, BOTH) == {"none": 1, fingerprint(OLD): 2}
    done = reseal(database, BOTH)
    assert (done.resealed, done.unopened, count_outdated(database, BOTH)) == (3, {}, {})
    for number in (0, 1, 3, 4):
        opened = Payloads([NEW]).read(f"evt_{number}", stored_of(database, number))
        assert json.loads(opened or "") == json.loads(kept(number))
    assert (stored_of(database, 2), stored_of(database, 3)) == (None, before)
    assert reseal(database, BOTH).resealed == 0


def test_missing_key_is_named_and_keeps_nothing_else(database: Database) -> None:
    store(database, [kept(0, LOST), kept(1, OLD), kept(2, LOST), "sealed:1:", kept(4)])
    done = reseal(database, BOTH)
    assert done.resealed == 2
    assert list(done.unopened) == [fingerprint(LOST), ""]
    assert done.unopened[fingerprint(LOST)].startswith(f"evt_0: its payload is sealed with key {fingerprint(LOST)}, ")
    assert count_outdated(database, BOTH) == {fingerprint(LOST): 2, "": 1}
    assert stored_of(database, 0) is not None


def test_limit_is_kept_and_the_next_run_goes_on(database: Database) -> None:
    store(database, [kept(number, OLD) for number in range(5)])
    assert [reseal(database, BOTH, 3).resealed for _ in range(3)] == [3, 2, 0]


def test_what_is_erased_meanwhile_stays_erased(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store(database, [kept(0, OLD), kept(1, OLD)])

    def sealed_late(*arguments: Any) -> Any:
        with database.write() as session:
            first = BillingEvent.stripe_event_id == "evt_0"
            session.execute(sa.update(BillingEvent).where(first).values(event_data=None))
        return sealed_anew(*arguments)

    sealed_anew = resealing._sealed_anew
    monkeypatch.setattr(resealing, "_sealed_anew", sealed_late)
    assert reseal(database, BOTH).resealed == 1
    assert stored_of(database, 0) is None


def test_without_keys_what_is_sealed_is_counted(any_database: Database) -> None:
    store(any_database, [kept(0), kept(1, OLD)])
    assert count_outdated(any_database, PLAIN) == {"none": 1, fingerprint(OLD): 1}
