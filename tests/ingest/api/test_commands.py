"""Commands by HTTP: on record under their key, answered at once or with their outcome."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from billing_core.commands import CommandStatus
from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.models import BillingCommand
from config.settings import Settings
from tests.ingest.api.calling import API, NEW, lines, opened_api, problem
from tests.ingest.api.stand_in import DECLINED, StandIn, invoice_id, subscription_id
from tests.ingest.api.tokens import admin, user
from tests.stores import count, row

pytestmark = pytest.mark.anyio

WAITING = {"Prefer": "wait=10"}

Body = dict[str, Any] | None
CALLS: list[tuple[str, str, Body, str]] = [
    ("POST", "/subscriptions", NEW, "create_subscription"),
    ("PUT", "/subscriptions/sub_1", {"quantity": 3}, "update_subscription"),
    ("DELETE", "/subscriptions/sub_1", None, "cancel_subscription"),
    ("POST", "/invoices/in_1/refund", {"amount": 100}, "refund_invoice"),
]


async def create(api: httpx.AsyncClient, key: str | None = None, *, by: int = 1, **changes: Any) -> httpx.Response:
    headers = user(by) | ({"Idempotency-Key": key} if key else {})
    return await api.post(f"{API}/subscriptions", json=NEW | {"user_id": by} | changes, headers=headers)


@pytest.mark.parametrize("call", CALLS)
async def test_command_is_on_record_and_queued_before_the_answer(
    api: httpx.AsyncClient, worker: StandIn, any_database: Database, call: tuple[str, str, Body, str]
) -> None:
    method, path, body, name = call
    worker.idle = True
    answer = await api.request(method, API + path, json=body, headers=admin())
    assert answer.status_code == 202
    told, command = answer.json(), row(any_database, BillingCommand)
    assert worker.queued == [command.command_id] == [told["command_id"]]
    assert (command.name, command.subject, command.status) == (name, "service:backend", "pending")
    assert answer.headers["location"] == told["location"] == f"{API}/commands/{command.command_id}"
    assert answer.headers["idempotency-key"] == told["idempotency_key"] == command.idempotency_key
    found = (await api.get(answer.headers["location"], headers=admin())).json()
    assert found["status"] == "pending"
    assert found["arguments"] == command.arguments


@pytest.mark.parametrize(("method", "path", "body", "name"), CALLS)
async def test_same_object_by_either_id_is_the_same_command(
    api: httpx.AsyncClient, any_database: Database, method: str, path: str, body: Body, name: str
) -> None:
    ours = path.replace("sub_1", str(subscription_id(any_database))).replace("in_1", str(invoice_id(any_database)))
    headers = admin() | {"Idempotency-Key": "key"}
    answers = [await api.request(method, API + one, json=body, headers=headers) for one in (path, ours)]
    assert answers[0].json() == answers[1].json()
    assert count(any_database, BillingCommand) == 1


@pytest.mark.parametrize(("method", "path", "body", "name"), CALLS)
async def test_caller_who_waits_gets_the_row(
    api: httpx.AsyncClient, any_database: Database, method: str, path: str, body: Body, name: str
) -> None:
    answer = await api.request(method, API + path, json=body, headers=admin() | WAITING)
    assert answer.status_code == (201 if method == "POST" else 200)
    assert answer.headers["preference-applied"] == "wait=10"
    command = row(any_database, BillingCommand)
    assert answer.headers["billing-command-id"] == command.command_id
    if name == "refund_invoice":
        assert answer.json()["stripe_refund_id"] == "re_1"
        assert answer.headers["location"] == f"{API}/commands/{command.command_id}"
        return
    assert answer.json() == (await api.get(f"{API}/subscriptions/sub_1", headers=admin())).json()
    if method == "POST":
        assert answer.headers["location"] == f"{API}/subscriptions/{subscription_id(any_database)}"


async def test_waiting_ends_as_soon_as_the_command_does(api: httpx.AsyncClient, worker: StandIn) -> None:
    worker.idle = True
    began = time.monotonic()
    headers = user(1) | {"Prefer": "wait=30", "Idempotency-Key": "key"}
    waiting = [asyncio.create_task(api.post(f"{API}/subscriptions", json=NEW, headers=headers)) for _ in range(3)]
    while not worker.queued:  # noqa: ASYNC110  (a thread fills it)
        await asyncio.sleep(0.01)
    await asyncio.to_thread(worker.end, worker.queued[0])
    assert [(await answer).status_code for answer in waiting] == [201, 201, 201]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("preference", "applied"), [("wait=0", "wait=0"), ('wait="1"', "wait=1")])
async def test_command_that_takes_longer_is_answered_as_on_record(
    api: httpx.AsyncClient, worker: StandIn, preference: str, applied: str
) -> None:
    worker.idle = True
    answer = await api.post(f"{API}/subscriptions", json=NEW, headers=user(1) | {"Prefer": preference})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, applied)


async def test_database_that_goes_away_while_the_caller_waits_costs_no_answer(
    settings: Settings, worker: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseUnavailable("away")

    worker.idle = True
    async with opened_api(settings, worker.enqueue) as client:
        monkeypatch.setattr("billing_core.commands.ledger.Commands.find", fail)
        answer = await client.post(f"{API}/subscriptions", json=NEW, headers=user(1) | {"Prefer": "wait=1"})
    assert answer.status_code == 202


async def test_decline_is_a_result_with_what_to_do_next(api: httpx.AsyncClient, worker: StandIn) -> None:
    worker.declines()
    answer = await api.post(f"{API}/subscriptions", json=NEW, headers=user(1) | WAITING | {"Idempotency-Key": "key"})
    assert answer.status_code == 402
    told = problem(answer)
    assert {name: told[name] for name in ("code", "decline_code", "next_step", "request_id")} == {
        name: DECLINED[name] for name in ("code", "decline_code", "next_step", "request_id")
    }
    assert told["detail"] == DECLINED["message"]
    assert told["instance"] == f"{API}/commands/{told['command_id']}"
    assert answer.headers["idempotency-key"] == "key"
    found = await api.get(told["instance"], headers=user(1))
    assert (found.status_code, found.json()["status"]) == (200, "declined")
    assert found.json()["error"]["decline_code"] == "insufficient_funds"


async def test_refusal_by_stripe_is_422(api: httpx.AsyncClient, worker: StandIn) -> None:
    worker.refuses()
    told = problem(await api.post(f"{API}/subscriptions", json=NEW, headers=user(1) | WAITING))
    assert (told["status"], told["code"], told["request_id"]) == (422, "resource_missing", "req_2")


async def test_command_that_failed_is_500_to_who_waits(api: httpx.AsyncClient, worker: StandIn) -> None:
    worker.status = CommandStatus.FAILED
    assert problem(await api.post(f"{API}/subscriptions", json=NEW, headers=user(1) | WAITING))["code"] == "failed"


async def test_same_key_and_body_get_the_same_answer(
    api: httpx.AsyncClient, worker: StandIn, any_database: Database
) -> None:
    worker.idle = True
    first = await create(api, "key", quantity=1)
    worker.end(worker.queued[0])
    for again in (await create(api, "key"), await create(api, '"key"')):  # as in Stripe's API, and as in the draft
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["location"] == first.headers["location"]
    assert len(worker.queued) == count(any_database, BillingCommand) == 1


async def test_same_key_for_anything_else_is_422(api: httpx.AsyncClient, worker: StandIn) -> None:
    await create(api, "key")
    headers = user(1) | {"Idempotency-Key": "key"}
    for answer in (
        await create(api, "key", quantity=2),
        await create(api, "key", payment_method_id="pm_2"),
        await api.put(f"{API}/subscriptions/sub_1", json={"quantity": 2}, headers=headers),
        await api.delete(f"{API}/subscriptions/sub_1", headers=headers),
    ):
        assert problem(answer)["code"] == "idempotency_key_reused"
        assert answer.status_code == 422
    assert len(worker.queued) == 1


async def test_users_keys_are_their_own(api: httpx.AsyncClient, worker: StandIn) -> None:
    first, second = await create(api, "key", by=1), await create(api, "key", by=2)
    assert first.json()["command_id"] != second.json()["command_id"]
    by_service = await api.post(f"{API}/subscriptions", json=NEW, headers=admin() | {"Idempotency-Key": "key"})
    assert by_service.status_code == 202
    assert len(worker.queued) == 3
    assert (await api.get(first.headers["location"], headers=user(1))).json()["idempotency_key"] == "key"
    assert problem(await api.get(first.headers["location"], headers=user(2)))["status"] == 404


async def test_user_sees_what_a_service_does_about_them(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{API}/subscriptions", json=NEW, headers=admin())
    assert (await api.get(answer.headers["location"], headers=user(1))).json()["subject"] == "service:backend"
    assert (await api.get(answer.headers["location"], headers=user(2))).status_code == 404


async def test_without_a_key_one_is_made_and_returned(api: httpx.AsyncClient, any_database: Database) -> None:
    first, second = await create(api), await create(api)
    keys = [answer.headers["idempotency-key"] for answer in (first, second)]
    assert len(set(keys)) == 2
    again = await create(api, keys[0])
    assert again.json() == first.json()
    assert count(any_database, BillingCommand) == 2


@pytest.mark.parametrize("key", ["x" * 256, "\u00e4", "tab\there"])
async def test_key_that_is_no_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    headers = httpx.Headers(user(1) | {"Idempotency-Key": key}, encoding="latin-1")
    answer = await api.post(f"{API}/subscriptions", json=NEW, headers=headers)
    [wrong] = problem(answer)["errors"]
    assert (answer.status_code, wrong["parameter"]) == (422, "Idempotency-Key")


async def test_longest_keys_of_a_user_are_told_apart(api: httpx.AsyncClient) -> None:
    answers = [await create(api, "x" * 254 + last) for last in "abb"]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert answers[0].json()["command_id"] != answers[1].json()["command_id"] == answers[2].json()["command_id"]
    assert answers[0].headers["idempotency-key"] == "x" * 254 + "a"


async def test_queue_that_is_away_costs_no_answer(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: str) -> None:
        raise ConnectionError

    async with opened_api(settings, fail) as client:
        answer = await client.post(f"{API}/subscriptions", json=NEW, headers=user(1))
    assert answer.status_code == 202
    [line] = lines(capsys.readouterr().out, "command.not_queued")
    assert line["command_id"] == answer.json()["command_id"]


BAD_BODIES: list[tuple[str, Any, str]] = [
    ("/subscriptions", {}, "#/user_id"),
    ("/subscriptions", NEW | {"user_id": "1"}, "#/user_id"),
    ("/subscriptions", NEW | {"user_id": True}, "#/user_id"),
    ("/subscriptions", NEW | {"quantity": 0}, "#/quantity"),
    ("/subscriptions", NEW | {"payment_method_id": "4242424242424242"}, "#/payment_method_id"),
    ("/subscriptions", NEW | {"metadata": {"user_id": "2"}}, "#/metadata"),
    ("/subscriptions", NEW | {"metadata": {"note": "4242 4242 4242 4242"}}, "#/metadata"),
    ("/subscriptions", NEW | {"coupon": "a", "promotion_code": "promo_1"}, "#"),
    ("/subscriptions", NEW | {"card/number": "x"}, "#/card~1number"),
    ("/subscriptions", [NEW], "#"),
    ("/subscriptions/sub_1", {}, "#"),
    ("/subscriptions/sub_1", {"proration": "none"}, "#"),
    ("/invoices/in_1/refund", {"amount": 0}, "#/amount"),
    ("/invoices/in_1/refund", {"amount": 1.5}, "#/amount"),
    ("/invoices/in_1/refund", {"reason": "because"}, "#/reason"),
]


@pytest.mark.parametrize(("path", "body", "pointer"), BAD_BODIES)
async def test_wrong_field_is_named_and_its_value_is_not(
    api: httpx.AsyncClient, worker: StandIn, path: str, body: Any, pointer: str
) -> None:
    answer = await api.request("PUT" if path.endswith("sub_1") else "POST", API + path, json=body, headers=admin())
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_request")
    assert pointer in [one["pointer"] for one in problem(answer)["errors"]]
    assert "4242" not in answer.text
    assert worker.queued == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/subscriptions", NEW | {"user_id": 99}),
        ("PUT", "/subscriptions/sub_1", {"pause": "void", "resume": True}),
        ("DELETE", "/subscriptions/sub_1?when=period_end&refund=prorated", None),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_before_they_are_on_record(
    api: httpx.AsyncClient, any_database: Database, method: str, path: str, body: Body
) -> None:
    answer = await api.request(method, API + path, json=body, headers=admin())
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_arguments")
    assert problem(answer)["errors"]
    assert count(any_database, BillingCommand) == 0


async def test_200_concurrent_posts_with_one_key_are_one_command(
    settings: Settings, worker: StandIn, any_database: Database
) -> None:
    worker.idle = True
    async with opened_api(settings, worker.enqueue) as one, opened_api(settings, worker.enqueue) as another:
        posts = [create((one, another)[number % 2], "key") for number in range(200)]
        answers = await asyncio.gather(*posts)
    assert {(answer.status_code, answer.text, answer.headers["location"]) for answer in answers} == {
        (202, answers[0].text, answers[0].headers["location"])
    }
    assert len(worker.queued) == count(any_database, BillingCommand) == 1
