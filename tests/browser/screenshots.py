"""`make screenshots`: the console's pages as docs/console.md shows them, taken in Chromium."""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from playwright.sync_api import Page
from redis import Redis

import migrations
from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.heartbeats import Heartbeats, Role
from billing_core.inbox import WorkingInbox
from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from billing_core.process import Processor
from config.celery import create_celery
from config.queues import QUEUES
from config.settings import Settings
from ingest.console.app import create_console
from tests.billing_core.cli.operator import Operation
from tests.browser.chromium import chromium, new_page
from tests.embedded.redis_server import RedisServer
from tests.ingest.console import scene
from tests.ingest.console.visitor import PASSWORD, settings_for_console
from tests.ingest.deliveries import served_app
from tests.scripted_stripe import ScriptedStripe
from tests.stores import open_database, start_over
from workers.runtime import Runtime

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"

LARGEST = 150_000  # bytes; a page of the docs shows several

WIDTH, HEIGHT = 1280, 760
_MARGIN = 24

_TYPES = ("invoice.paid", "customer.subscription.updated", "payment_method.attached")
_WEIGHTS = (5, 4, 1)


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as settings:
        app = create_console(settings)
        with (
            served_app(app, headers=[]) as url,
            chromium() as browser,
            new_page(browser, width=WIDTH, height=HEIGHT) as page,
        ):
            _take(page, url)


def _take(page: Page, url: str) -> None:
    page.goto(f"{url}/console/")
    _shoot(page, "login")
    page.get_by_label("Name").fill("jo")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"{url}/console/?window=24h")
    _shoot(page, "status")
    page.get_by_role("link", name="Dead letters", exact=True).click()
    _shoot(page, "dead-letters")
    page.get_by_role("link", name=scene.DEAD).click()
    _shoot(page, "dead-letter")
    page.goto(f"{url}/console/events/{scene.UPDATED}")
    _shoot(page, "event")
    page.goto(f"{url}/console/parked")
    _shoot(page, "parked")
    page.get_by_placeholder("UserID").fill("2")
    page.get_by_role("button", name="Link customer to user").click()
    page.goto(f"{url}/console/users/1")
    _shoot(page, "user")
    page.goto(f"{url}/console/actions")
    _shoot(page, "actions")


def _shoot(page: Page, name: str) -> None:
    file = FOLDER / f"console-{name}.png"
    end = page.locator("main").evaluate("main => main.lastElementChild.getBoundingClientRect().bottom")
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": WIDTH, "height": min(end + _MARGIN, HEIGHT)})
    size = file.stat().st_size
    if size > LARGEST:
        sys.exit(f"{file} has {size} bytes, more than {LARGEST}")


@contextmanager
def _service(folder: Path) -> Iterator[Settings]:
    with RedisServer(folder) as server:
        url = f"sqlite:///{folder / 'billing.db'}"
        migrations.upgrade(url)
        database = open_database(url)
        start_over(database)
        settings = settings_for_console(server.url, database, env="development")
        with Redis.from_url(server.url) as redis:
            _fill(redis, database, settings)
        yield settings
        database.dispose()


def _fill(redis: Redis, database: Database, settings: Settings) -> None:
    prefix = settings.queue_prefix
    inbox = WorkingInbox(redis, prefix, MessageTemplate(create_celery(settings)), settings.dedupe_window)
    stripe = ScriptedStripe()
    with database.write() as session:
        session.execute(sa.insert(BillingEvent), list(_day()))
    with patch("tests.building.T0", int(time.time()) - 300):
        scene.play(Operation(redis, Runtime(settings, inbox, database, Processor(database, stripe)), stripe))
    _move_traceback(database)
    heartbeats = Heartbeats(redis, prefix)
    heartbeats.beat(Role.WORKER, [str(queue) for queue in QUEUES])
    heartbeats.beat(Role.BEAT)


def _move_traceback(database: Database) -> None:
    """Let the code stand where it would in production: this machine's folders are nobody's business."""
    with database.write() as session:
        dead = session.scalars(sa.select(BillingEvent).filter_by(stripe_event_id=scene.DEAD)).one()
        dead.error = (dead.error or "").replace(str(Path(__file__).parents[2]), "/srv/billing")


def _day() -> Iterator[dict[str, Any]]:
    """Yield a day's events, more of them in the daytime, as they would have been applied."""
    drawn, now = Random(7), utc_now()
    for minute in range(24 * 60, 0, -1):
        for _ in range(drawn.randint(0, 2 + abs(minute - 12 * 60) // 120)):
            received = now - timedelta(minutes=minute, seconds=drawn.random() * 60)
            lag = timedelta(seconds=drawn.lognormvariate(-3.2, 0.7) * (6 if 400 < minute < 460 else 1))
            yield {
                "stripe_event_id": f"evt_1{secrets.token_hex(10)}",
                "event_type": drawn.choices(_TYPES, _WEIGHTS)[0],
                "livemode": False,
                "outcome": "stale" if drawn.random() < 0.06 else "applied",
                "stripe_created_at": received - timedelta(seconds=1),
                "received_at": received,
                "processed_at": received + lag,
            }


if __name__ == "__main__":
    main()
