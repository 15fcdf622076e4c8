"""What each page shows, and that it shows it as text."""

import re
from base64 import b64encode
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.database import Database
from billing_core.models import BillingEvent
from billing_core.payloads import Payloads
from config.settings import Settings
from tests.billing_core.cli.operator import Operation
from tests.building import moment
from tests.ingest.console import scene
from tests.ingest.console.scene import DEAD, PARKED, UPDATED
from tests.ingest.console.visitor import Visitor, new_visitor, settings_for_console


@pytest.fixture
def settings(redis_url: str, database: Database) -> Settings:
    """On each kind of database: these pages are its statements."""
    return settings_for_console(redis_url, database)


@pytest.fixture
def any_database(database: Database) -> Database:
    return database


@pytest.fixture
def command_id(operation: Operation) -> str:
    return scene.play(operation)


def listed(page: str) -> list[str]:
    """Return the events that a page's table has."""
    return re.findall(r'<td><a class="id" href="/console/events/(\w+)">', page)


def test_every_page_shows_what_is_on_record(lee: Visitor, command_id: str) -> None:
    """One test: what happened before takes longer than all pages."""
    _status(lee)
    _event_lists(lee, command_id)
    _stories(lee, command_id)
    _parked(lee)
    _user(lee)
    _commands(lee, command_id)
    _search(lee, command_id)
    for path in ("/events/evt_none", "/commands/cmd_none", "/users/99", "/users/99999999999", "/nothing", "/users/x"):
        assert "404 Not Found" in lee.page(path, 404)


def _status(visitor: Visitor) -> None:
    page = visitor.page("/")
    assert "<b>1</b>dead letters" in page
    assert "<b>1</b>parked" in page
    assert "no worker consumes" in page
    for window in ("1h", "6h", "24h", "7d"):
        page = visitor.page(f"/?window={window}")
        assert re.search(r'<rect class="dead" .*: 1 dead</title>', page), window
        assert '<polyline class="p95"' in page
    visitor.page("/?window=9y", 400)


def _event_lists(visitor: Visitor, command_id: str) -> None:
    everything = [PARKED, DEAD, "evt_dispute", "evt_paid", UPDATED, "evt_created", "evt_card"]
    expected = {
        "": everything,
        "outcome=dead": [DEAD],
        "outcome=applied&type=invoice.payment_succeeded": ["evt_paid"],
        "error=MalformedEvent": [DEAD],
        "since=1h": everything,
        "about=evt_paid": ["evt_paid"],
        "about=in_1": ["evt_dispute", "evt_paid"],
        "about=sub_1": ["evt_dispute", "evt_paid", UPDATED, "evt_created"],
        "about=cus_9": [PARKED],
        "about=pm_1": ["evt_card"],
        "about=1": ["evt_dispute", "evt_paid", UPDATED, "evt_created", "evt_card"],
        f"about={command_id}": [UPDATED],
        "about=99999999999": [],
        "about=%27+OR+1%3D1--": [],
        "outcome=stale": [],
    }
    assert {query: listed(visitor.page(f"/events?{query}")) for query in expected} == expected
    for wrong in ("outcome=lost", "since=1y", "before=x", "before=" + "9" * 30, f"error={'x' * 501}", "about=a%00"):
        visitor.page(f"/events?{wrong}", 400)


def _stories(visitor: Visitor, command_id: str) -> None:
    page = visitor.page(f"/events/{UPDATED}")
    assert '<td>status</td><td class="before">incomplete</td><td class="after">active</td>' in page
    assert f'<a class="id" href="/console/commands/{command_id}">' in page
    assert listed(page) == ["evt_created"]
    assert '<dt>stripe_subscription_id</dt><dd><a class="id" href="/console/events?about=sub_1">sub_1</a></dd>' in page
    page = visitor.page(f"/events/{DEAD}")
    assert "KeyError: &#39;period &lt;b&gt;&#39;" in page
    assert "Traceback (most recent call last)" in page
    assert "document.title" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "We hold no row of it." in page
    assert "no user is linked to the customer" in visitor.page(f"/events/{PARKED}")


def _parked(visitor: Visitor) -> None:
    page = visitor.page("/parked")
    assert '<td><a class="id" href="/console/events?about=cus_9">cus_9</a></td><td class="number">1</td>' in page


def _user(visitor: Visitor) -> None:
    page = visitor.page("/users/1")
    for shown in ("sub_1", "in_1", "A-0001", "•••• 4242", "12/2030", "1,000", "create_subscription", "cus_1"):
        assert shown in page
    assert "None." in visitor.page("/users/2")


def _commands(visitor: Visitor, command_id: str) -> None:
    assert command_id in visitor.page("/commands?status=pending")
    assert command_id not in visitor.page("/commands?status=failed")
    visitor.page("/commands?status=lost", 400)
    page = visitor.page(f"/commands/{command_id}")
    assert "order-7" in page
    assert listed(page) == [UPDATED]


def _search(visitor: Visitor, command_id: str) -> None:
    expected = {
        "evt_paid": "/console/events/evt_paid",
        command_id: f"/console/commands/{command_id}",
        "1": "/console/users/1",
        " sub_1 ": "/console/events?about=sub_1",
        "evt_../../x": "/console/events?about=evt_..%2F..%2Fx",
        "//evil": "/console/events?about=%2F%2Fevil",
        "": "/console/events?",
    }
    found = {term: visitor.get("/search", params={"q": term}, follow_redirects=False) for term in expected}
    assert {term: answer.headers["location"] for term, answer in found.items()} == expected


def test_pages_of_a_new_service_are_empty(lee: Visitor) -> None:
    page = lee.page("/")
    assert "<b>0</b>dead letters" in page
    assert "<rect" not in page
    for path in ("/events", "/parked", "/commands", "/users/1", "/events/replay", "/events/replay?outcome=dead"):
        lee.page(path)


def test_sealed_payload_is_opened_where_its_key_is_and_named_where_it_is_not(redis_url: str, sqlite: Database) -> None:
    key = bytes(32)
    sealed = Payloads([key]).kept("evt_0", {"object": "event", "id": "evt_0"})
    with sqlite.write() as session:
        session.execute(sa.insert(BillingEvent), [_event(0) | {"event_data": sealed, "outcome": "dead"}])
    for keys, shown in (
        (b64encode(key).decode(), "&#34;object&#34;: &#34;event&#34;"),
        ("", "BILLING_EVENT_DATA_KEYS"),
    ):
        changes = {"event_data_keys": keys} if keys else {}
        with new_visitor(settings_for_console(redis_url, sqlite, **changes)) as visitor:
            visitor.log_in()
            assert shown in visitor.page("/events/evt_0")
            assert sealed not in visitor.page("/events/evt_0")


def test_pages_lead_through_long_lists(lee: Visitor, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.console.pages.events.PAGE", 2)
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), [_event(number) for number in range(5)])
    seen, path = list[str](), "/events?outcome=applied"
    while path:
        page = lee.page(path)
        seen += listed(page)
        older = re.search(r'href="/console(/events\?[^"]+)">Older', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == ["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]


def _event(number: int) -> dict[str, Any]:
    return {
        "stripe_event_id": f"evt_{number}",
        "event_type": "invoice.paid",
        "livemode": False,
        "outcome": "applied",
        "stripe_created_at": moment(number),
        "received_at": moment(number),
    }
