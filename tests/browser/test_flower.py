"""Flower in a browser, beside a real worker: who comes in, and what is seen."""

import base64
import http.client
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from redis import Redis

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.envelope import MessageTemplate
from billing_core.inbox import AcceptedEvent, WorkingInbox
from billing_core.models import BillingCustomer, User
from config.celery import create_celery
from config.queues import QUEUES, Family
from config.settings import Settings
from tests.browser.chromium import TIMEOUT
from tests.building import event_body, invoice
from tests.embedded.redis_server import RedisServer
from tests.embedded.server_process import ServerProcess
from tests.system.service import UNMEASURED, Worker

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "screenshots" / "flower.png"
USER, PASSWORD = "operator", "correct-horse-battery"
EVENTS = ("evt_paid", "evt_paid_too")


class Flower(ServerProcess):
    """Flower as the Procfile has it, below a prefix."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ops/flower"

    def answer(self, path: str, user: str | None = None) -> tuple[int, bytes]:
        """Ask without a browser."""
        headers = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", f"{urlsplit(self.url).path}{path}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _command(self) -> list[str]:
        self.environment = {**(self.environment or {}), "BILLING_FLOWER_PORT": str(self.port)}
        program = Path(sys.executable).parent / "celery"
        return [str(program), "-A", "workers.app", "flower", f"--conf={ROOT / 'config' / 'flower.py'}"]

    def _answers(self) -> bool:
        try:
            return self.answer("/healthcheck") == (200, b"OK")
        except OSError:
            return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("flower")
    url = f"sqlite:///{folder / 'billing.db'}"
    migrations.upgrade(url)
    with closing_database(url) as database, database.write() as session:
        session.execute(sa.insert(User), [{"user_id": 1}])
        session.execute(sa.insert(BillingCustomer), [{"stripe_customer_id": "cus_1", "user_id": 1}])
    return {
        "BILLING_ENV": "test",
        "REDIS_URL": redis_server.url,
        "DATABASE_URL": url,
        "BILLING_FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
        "BILLING_FLOWER_URL_PREFIX": "ops/flower",
        "BILLING_FLOWER_DB": str(folder / "kept" / "tasks"),
        **UNMEASURED,
    }


@contextmanager
def closing_database(url: str) -> Iterator[Database]:
    database = Database(create_engine_for(url, pool_size=1))
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Flower]:
    """Flower beside a worker, which has applied two events."""
    with ExitStack() as stack:
        flower = stack.enter_context(Flower(tmp_path_factory.mktemp("server"), environment=environment))
        stack.enter_context(Worker(tmp_path_factory.mktemp("worker"), environment=environment))
        accept(environment["REDIS_URL"])
        yield flower


def accept(redis_url: str) -> None:
    """Accept two events as the endpoint would; not with its asynchronous client, since Playwright has the loop."""
    settings = Settings(env="test", redis_url=redis_url)
    template = MessageTemplate(create_celery(settings))
    events = {event_id: event_body(invoice(f"in_{event_id}"), id=event_id) for event_id in EVENTS}
    with Redis.from_url(redis_url) as redis:
        inbox = WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window)
        inbox.accept_again([AcceptedEvent(name, Family.INVOICE, body) for name, body in events.items()])


@pytest.fixture
def logged_in(browser: Browser) -> Iterator[Page]:
    """A person who knows the password."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 560}, http_credentials={"username": USER, "password": PASSWORD}
    )
    context.set_default_timeout(TIMEOUT)
    yield context.new_page()
    context.close()


def test_family_is_seen_with_its_events_and_what_came_of_them(flower: Flower, logged_in: Page) -> None:
    logged_in.goto(f"{flower.url}/tasks")
    row = logged_in.locator("tbody tr", has_text="stripe.invoice")
    for _ in range(20):  # the page shows what there is when it is loaded
        if row.count():
            break
        logged_in.wait_for_timeout(500)
        logged_in.reload()
    expect(row).to_contain_text("evt_paid evt_paid_too")
    expect(row).to_contain_text(re.compile(r"applied=2 lag=\d+\.\d{3}s"))
    if os.environ.get("SCREENSHOTS"):
        logged_in.screenshot(path=PICTURE)


def test_each_familys_queue_is_seen(flower: Flower, logged_in: Page) -> None:
    logged_in.goto(f"{flower.url}/broker")
    for queue in QUEUES:
        expect(logged_in.locator("tbody tr", has_text=queue)).to_have_count(1)


@pytest.mark.parametrize("path", ["/", "/tasks", "/api/tasks", "/broker", "/metrics"])
def test_who_does_not_know_the_password_sees_nothing(flower: Flower, path: str) -> None:
    assert flower.answer(path)[0] == 401
    assert flower.answer(path, f"{USER}:wrong")[0] == 401
    assert flower.answer(path, f"{USER}:{PASSWORD}")[0] == 200


def test_what_flower_saw_outlives_it(flower: Flower) -> None:
    flower.stop()
    flower.start()
    status, body = flower.answer("/api/tasks", f"{USER}:{PASSWORD}")
    assert status == 200
    assert "evt_paid" in body.decode()
