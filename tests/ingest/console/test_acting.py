"""What operators do, who may, and that it is on record."""

from typing import Any

import pytest

from billing_core.actions import list_actions
from billing_core.database import Database
from billing_core.models import BillingCustomer, Invoice
from tests.billing_core.cli.operator import Operation
from tests.building import event_body, invoice
from tests.ingest.console import scene
from tests.ingest.console.scene import DEAD, PARKED, STRANGER, bug
from tests.ingest.console.visitor import Visitor
from tests.stores import count, outcomes, row


def acted(database: Database) -> list[tuple[str, str, str | None, dict[str, Any] | None]]:
    """Return the actions but for coming and going, oldest first."""
    names = ("subject", "action", "target", "details")
    with database.read() as session:
        found = [tuple(one[name] for name in names) for one in reversed(list_actions(session))]
    return [one for one in found if not one[1].startswith("console.")]


@pytest.fixture
def letters(operation: Operation) -> Operation:
    """Three dead letters whose handler is mended meanwhile, and one that nobody can apply."""
    with bug():
        operation.handle({f"evt_{n}": event_body(invoice(f"in_{n}"), id=f"evt_{n}", type=scene.PAID) for n in range(3)})
    operation.handle({"evt_3": event_body(invoice("in_3", customer=None), id="evt_3", type=scene.PAID)})
    return operation


def test_dead_letter_is_replayed_and_its_page_tells_the_rest(jo: Visitor, letters: Operation) -> None:
    page = jo.page("/events/evt_0")
    assert 'action="/console/events/evt_0/replay"' in page
    answer = jo.post("/events/evt_0/replay")
    assert answer.headers["location"] == "/console/events/evt_0?done=queued"
    assert letters.queued() == ["evt_0"]
    letters.work()
    page = jo.page("/events/evt_0?done=queued")
    assert '<span class="badge applied">applied</span>' in page
    assert "Queued again" in page
    assert "/replay" not in page
    assert acted(letters.here.database) == [("console:jo", "events.replay", "evt_0", None)]


def test_event_that_is_settled_or_unknown_is_not_replayed(jo: Visitor, letters: Operation) -> None:
    jo.post("/events/evt_0/replay")
    letters.work()
    assert jo.post("/events/evt_0/replay").headers["location"].endswith("?done=settled")
    answer = jo.post("/events/evt_none/replay")
    assert (answer.status_code, "not on record" in answer.text) == (400, True)
    assert len(acted(letters.here.database)) == 1


def test_filtered_set_is_shown_then_replayed_and_nothing_else(jo: Visitor, letters: Operation) -> None:
    assert "/events/replay?outcome=dead&amp;error=shape" in jo.page("/events?outcome=dead&error=shape")
    page = jo.page("/events/replay?outcome=dead&error=shape")
    assert "Replay 3 events?" in page
    assert "evt_3" not in page
    answer = jo.post("/events/replay", outcome="dead", error="shape")
    assert answer.headers["location"] == "/console/events?outcome=dead&error=shape&done=queued&number=3"
    letters.work()
    assert outcomes(letters.here.database) == {
        "evt_0": "applied",
        "evt_1": "applied",
        "evt_2": "applied",
        "evt_3": "dead",
    }
    details = {"events": 3, "chosen_by": ["error", "outcome"]}
    assert acted(letters.here.database) == [("console:jo", "events.replay", None, details)]
    assert "(3 events)" in jo.page("/events?done=queued&number=3")


def test_large_set_is_replayed_in_parts_the_oldest_first(
    jo: Visitor, letters: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.console.pages.events.MOST_REPLAYED", 2)
    assert "the oldest 2 come first" in jo.page("/events/replay?error=shape")
    jo.post("/events/replay", error="shape")
    assert letters.queued() == ["evt_0", "evt_1"]


def test_settled_events_are_not_offered_for_replay(jo: Visitor, letters: Operation) -> None:
    assert "/events/replay" not in jo.page("/events?outcome=applied")
    jo.page("/events/replay?outcome=applied", 400)
    assert jo.post("/events/replay", outcome="stale").status_code == 400


def test_parked_customer_is_linked_and_its_events_are_applied(jo: Visitor, operation: Operation) -> None:
    scene.play(operation)
    database = operation.here.database
    assert f'action="/console/customers/{STRANGER}/link"' in jo.page("/parked")
    assert f'action="/console/customers/{STRANGER}/link"' in jo.page(f"/events/{PARKED}")
    answer = jo.post(f"/customers/{STRANGER}/link", user_id="2")
    assert answer.headers["location"] == "/console/users/2?done=linked&number=1"
    operation.work()
    assert outcomes(database)[PARKED] == "applied"
    assert row(database, BillingCustomer, stripe_customer_id=STRANGER).user_id == 2
    assert row(database, Invoice, stripe_invoice_id="in_9").user_id == 2
    assert acted(database) == [
        ("console:jo", "customers.link", STRANGER, {"user_id": 2, "former_user_id": None}),
    ]
    assert "(1 event)" in jo.page("/users/2?done=linked&number=1")


def test_customer_is_linked_to_a_user_that_there_is_or_not_at_all(jo: Visitor, any_database: Database) -> None:
    for customer, user_id in (
        ("cus_9", "99"),
        ("cus_9", "0"),
        ("cus_9", "x"),
        ("cus_9", ""),
        ("cus_9", "9" * 12),
        ("sub_1", "1"),
        ("cus_", "1"),
    ):
        assert jo.post(f"/customers/{customer}/link", user_id=user_id).status_code == 400
    assert count(any_database, BillingCustomer) == 2
    assert acted(any_database) == []


def test_who_may_only_look_is_offered_nothing_and_refused_everything(lee: Visitor, operation: Operation) -> None:
    scene.play(operation)
    for path in (f"/events/{DEAD}", "/events?outcome=dead", "/parked", "/events/replay?outcome=dead"):
        page = lee.page(path)
        assert page.count('method="post"') == 1, path  # to log out
        assert "console:lee (read only)" in page
    for path in (f"/events/{DEAD}/replay", "/events/replay", f"/customers/{STRANGER}/link"):
        answer = lee.post(path, user_id="1", outcome="dead")
        assert (answer.status_code, "you may look" in answer.text) == (403, True)
    assert operation.queued() == []
    assert acted(operation.here.database) == []


def test_actions_are_listed_with_who_and_whereto(jo: Visitor, letters: Operation) -> None:
    jo.post("/events/evt_0/replay")
    page = jo.page("/actions?action=events.replay")
    assert "<td>console:jo</td><td>console</td><td>events.replay</td>" in page
    assert '<a class="id" href="/console/events/evt_0">evt_0</a>' in page
    assert "No action on record fits." in jo.page("/actions?subject=console:lee")
