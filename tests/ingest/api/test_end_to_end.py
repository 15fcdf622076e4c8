"""The API over the real ledger and executor, SQLite and PostgreSQL, and a fake Stripe with real HTTP between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from billing_core.commands.execute import Executor, Postponed
from billing_core.database import Database
from billing_core.models import BillingCommand, Refund, Subscription, User
from billing_core.stripe_api import StripeApi
from tests.fake_stripe import FakeStripe
from tests.ingest.api.calling import API, opened_api, problem, settings_for_api
from tests.ingest.api.tokens import admin, user
from tests.stores import count, row

pytestmark = pytest.mark.anyio

USER = 7
WAITING = {"Prefer": "wait=30"}
THREADS = 4


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(seed=4, start=time.time() - 3600) as fake:
        yield fake


class Worker:
    """Runs what is queued in threads of this process."""

    def __init__(self, database: Database, fake: FakeStripe) -> None:
        stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0)
        self._executor = Executor(database, stripe, lease=30, longest_wait=0.2, default_price=fake.price)
        self.threads = ThreadPoolExecutor(THREADS)

    def enqueue(self, command_id: str) -> None:
        self.threads.submit(self._run, command_id)

    def _run(self, command_id: str) -> None:
        try:
            self._executor.run(command_id)
        except Postponed:
            self.enqueue(command_id)


@pytest.fixture
async def served(database: Database, fake: FakeStripe, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    with database.write() as session:
        session.add(User(user_id=USER))
    worker = Worker(database, fake)
    key, base = SecretStr(fake.api_key), fake.url
    settings = settings_for_api(redis_url, database, stripe_secret_key=key, stripe_api_base=base)
    async with opened_api(settings, worker.enqueue) as client:
        yield client
    worker.threads.shutdown()


async def create(api: httpx.AsyncClient, card: str = "pm_card_visa", **headers: str) -> httpx.Response:
    body = {"user_id": USER, "payment_method_id": card}
    return await api.post(f"{API}/subscriptions", json=body, headers=user(USER) | WAITING | headers)


async def test_subscription_lives_and_ends(served: httpx.AsyncClient, fake: FakeStripe, database: Database) -> None:
    created = await create(served)
    assert created.status_code == 201, created.text
    address = created.headers["location"]
    assert (created.json()["status"], (await served.get(address, headers=user(USER))).json()) == (
        "active",
        created.json(),
    )

    async def put(**changes: Any) -> dict[str, Any]:
        answer = await served.put(address, json=changes, headers=admin() | WAITING)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert (await put(quantity=3, proration="always_invoice"))["quantity"] == 3
    assert (await put(cancel_at_period_end=True))["cancel_at_period_end"]
    assert not (await put(cancel_at_period_end=False))["cancel_at_period_end"]
    await put(pause="void")
    await put(resume=True)
    invoices = (await served.get(f"{API}/users/{USER}/invoices", headers=user(USER))).json()["data"]
    paid = invoices[-1]
    assert (paid["amount"], paid["currency"], paid["status"]) == (1000, "AUD", "paid")
    refund_path = f"{API}/invoices/{paid['invoice_id']}/refund"
    refund = await served.post(refund_path, json={"amount": 400}, headers=admin() | WAITING)
    assert refund.status_code == 201, refund.text
    assert (refund.json()["amount"], refund.json()["status"]) == (400, "succeeded")
    ended = await served.delete(address, headers=user(USER) | WAITING)
    assert (ended.status_code, ended.json()["status"]) == (200, "canceled")
    again = await served.delete(address, headers=user(USER) | WAITING)
    assert again.status_code in {200, 422}
    assert [one["status"] for one in fake.subscriptions.values()] == ["canceled"]
    assert count(database, Refund) == len(fake.refunds) == 1
    assert fake.spec_violations == []


async def test_declined_card_is_402_with_the_banks_reason(served: httpx.AsyncClient) -> None:
    told = problem(await create(served, "pm_card_chargeCustomerFail"))
    assert (told["status"], told["code"]) == (402, "card_declined")
    assert told["decline_code"]
    assert told["next_step"]


async def test_unknown_payment_method_is_refused_with_stripes_request_id(served: httpx.AsyncClient) -> None:
    told = problem(await create(served, "pm_none"))
    assert told["status"] == 422
    assert told["request_id"].startswith("req_")


async def test_card_that_needs_authentication_gets_its_client_secret(
    served: httpx.AsyncClient, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    created = await create(served, "pm_card_authenticationRequired")
    assert (created.status_code, created.json()["status"]) == (201, "incomplete")
    command = await served.get(f"{API}/commands/{created.headers['billing-command-id']}", headers=user(USER))
    assert command.json()["result"]["next_step"] == "authenticate"
    answer = await served.get(f"{created.headers['location']}/client-secret", headers=user(USER))
    secret = answer.json()["client_secret"]
    assert "_secret_" in secret
    assert secret not in capsys.readouterr().out + command.text
    assert secret not in str(vars(row(database, BillingCommand)))


async def test_paid_subscription_has_no_client_secret(served: httpx.AsyncClient) -> None:
    created = await create(served)
    answer = await served.get(f"{created.headers['location']}/client-secret", headers=user(USER))
    assert (answer.status_code, problem(answer)["code"]) == (404, "no_client_secret")


async def test_200_concurrent_posts_with_one_key_are_one_subscription(
    served: httpx.AsyncClient, fake: FakeStripe, database: Database
) -> None:
    answers = await asyncio.gather(*(create(served, **{"Idempotency-Key": "key"}) for _ in range(200)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert count(database, Subscription) == count(database, BillingCommand) == 1
    assert (len(fake.subscriptions), len(fake.customers), len(fake.invoices)) == (1, 1, 1)
