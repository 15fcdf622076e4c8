"""An operator's morning, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.process import Processor
from config.celery import create_celery
from ingest.console.app import create_console
from tests.billing_core.cli.operator import Operation
from tests.ingest.console import scene
from tests.ingest.console.visitor import PASSWORD, settings_for_console
from tests.ingest.deliveries import served_app
from tests.scripted_stripe import ScriptedStripe
from tests.stores import outcomes
from workers.runtime import Runtime


@pytest.fixture
def operation(sqlite: Database, redis_url: str) -> Iterator[Operation]:
    settings = settings_for_console(redis_url, sqlite, env="development")
    stripe = ScriptedStripe()
    with Redis.from_url(redis_url) as redis:
        template = MessageTemplate(create_celery(settings))
        inbox = WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window)
        operation = Operation(redis, Runtime(settings, inbox, sqlite, Processor(sqlite, stripe)), stripe)
        scene.play(operation)
        yield operation


@pytest.fixture
def url(operation: Operation) -> Iterator[str]:
    with served_app(create_console(operation.here.settings), headers=[]) as url:
        yield f"{url}/console"


def test_dead_letter_is_found_understood_and_replayed_and_a_customer_linked(
    page: Page, url: str, operation: Operation, complaints: list[str]
) -> None:
    # Wrong first, then right.
    page.goto(f"{url}/events?outcome=dead")
    _log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("name and password do not fit")
    assert [line for line in complaints if "401" not in line] == []
    complaints.clear()
    _log_in(page, PASSWORD)

    # The login leads on to where the alert pointed.
    expect(page).to_have_url(re.compile(r"/console/events\?outcome=dead$"))
    page.get_by_role("link", name=scene.DEAD).click()
    expect(page.get_by_text("KeyError: 'period <b>'")).to_be_visible()
    expect(page.get_by_text("We hold no row of it.")).to_be_visible()

    # What the payload holds is text.
    expect(page.get_by_text("document.title")).to_be_hidden()
    page.get_by_text("Payload as it is stored").click()
    expect(page.get_by_text("document.title")).to_be_visible()
    assert page.title() == f"{scene.DEAD} · Billing console"
    assert page.locator("main img, main script").count() == 0

    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("Queued again")
    operation.work()
    page.reload()
    expect(page.locator(".head .badge")).to_have_text("applied")
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    expect(page.locator("tr", has_text="number").locator(".after")).to_have_text("A-0002")

    page.get_by_role("link", name="Parked").click()
    page.get_by_label(f"UserID for {scene.STRANGER}").fill("2")
    page.get_by_role("button", name="Link customer to user").click()
    expect(page.get_by_role("heading", name="User 2")).to_be_visible()
    operation.work()
    page.reload()
    expect(page.locator("section", has_text="Invoices").get_by_role("link", name="in_9")).to_be_visible()

    page.get_by_role("link", name="Actions").click()
    rows = page.locator("tbody tr")
    expect(rows).to_contain_text(["customers.link", "events.replay", "console.login"])
    expect(rows.nth(0)).to_contain_text("console:jo")
    assert outcomes(operation.here.database)[scene.DEAD] == outcomes(operation.here.database)[scene.PARKED] == "applied"

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Billing console")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/console/login"))


def test_search_leads_from_any_id_to_its_story(page: Page, url: str) -> None:
    page.goto(f"{url}/")
    _log_in(page, PASSWORD)
    expect(page.get_by_role("img", name="Events per minute")).to_be_visible()
    for term, heading in (("sub_1", "Events"), ("1", "User 1"), (scene.UPDATED, scene.UPDATED)):
        page.get_by_role("searchbox").or_(page.get_by_label("Search")).fill(term)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.get_by_role("link", name=re.compile("^cmd_")).click()
    expect(page.get_by_text("order-7")).to_be_visible()
    expect(page.get_by_role("link", name=scene.UPDATED)).to_be_visible()


def _log_in(page: Page, password: str) -> None:
    page.get_by_label("Name").fill("jo")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
