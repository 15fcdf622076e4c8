"""What goes wrong is told as RFC 9457 says, whoever notices it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from billing_core.database import Database
from config.settings import Settings
from tests.ingest.api.calling import API, NEW, lines, opened_api, problem, settings_for_api
from tests.ingest.api.tokens import admin, user
from tests.ingest.deliveries import post
from tests.stores import PASSWORD

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nothing", 404, None),
        ("PATCH", "/subscriptions/sub_1", 405, "GET, PUT, DELETE"),
        ("GET", "/subscriptions", 405, "POST"),
    ],
)
async def test_what_there_is_not_is_a_problem_too(
    api: httpx.AsyncClient, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = await api.request(method, API + path, headers=admin())
    assert problem(answer)["status"] == status
    assert answer.headers.get("allow") == allowed


async def test_body_that_is_no_json_is_400(api: httpx.AsyncClient) -> None:
    headers = admin() | {"Content-Type": "application/json"}
    for body in (b"{", b'{"user_id": 1, "payment_method_id": "4242', b"\xff", b"[" * 100_000, b'{"user_id": NaN'):
        answer = await api.post(f"{API}/subscriptions", content=body, headers=headers)
        assert answer.status_code in {400, 422}
        assert problem(answer)["code"] in {"malformed_json", "bad_request", "invalid_request"}
        assert "4242" not in answer.text


async def test_body_of_another_kind_is_422(api: httpx.AsyncClient) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        answer = await api.post(f"{API}/subscriptions", content=b'{"user_id": 1}', headers=admin() | headers)
        assert problem(answer)["status"] == 422


async def test_body_beyond_the_limit_is_413(redis_url: str, any_database: Database) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1000

    async with opened_api(settings_for_api(redis_url, any_database, max_body_bytes=5000)) as client:
        for body in (b" " * 5001, endless()):
            headers = admin() | {"Content-Type": "application/json"}
            answer = await client.post(f"{API}/subscriptions", content=body, headers=headers)
            assert problem(answer)["status"] == 413


async def test_database_that_is_away_is_503(redis_url: str, any_database: Database, away_url: str) -> None:
    settings = settings_for_api(redis_url, any_database, database_url=away_url)
    async with opened_api(settings) as client:
        for answer in (
            await client.get(f"{API}/users/1/invoices", headers=user(1)),
            await client.post(f"{API}/subscriptions", json=NEW, headers=user(1)),
        ):
            assert problem(answer)["code"] == "unavailable"
            assert answer.headers["retry-after"] == "5"
            assert PASSWORD not in answer.text
        assert (await post(client)).status_code == 200  # webhooks need no database


async def test_error_of_ours_is_logged_and_not_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the cause")

    async with opened_api(settings) as client:
        monkeypatch.setattr("billing_core.commands.ledger.Commands.find", fail)
        answer = await client.get(f"{API}/commands/cmd_1", headers=user(1))
    assert (answer.status_code, problem(answer)["code"]) == (500, "internal_error")
    assert "the cause" not in answer.text
    output = capsys.readouterr().out
    assert "RuntimeError: the cause" in lines(output, "api.failed")[0]["exception"]
    assert lines(output, "api.called")[0]["status"] == 500


async def test_sql_error_of_ours_shows_no_statement(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("near secret: syntax error"))

    async with opened_api(settings) as client:
        monkeypatch.setattr("billing_core.commands.ledger.Commands.find", fail)
        answer = await client.get(f"{API}/commands/cmd_1", headers=user(1))
    assert answer.status_code in {500, 503}
    assert "secret" not in answer.text
