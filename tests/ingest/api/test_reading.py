"""What callers may read: objects one by one, and a user's lists page by page."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from billing_core.apply import apply_facts
from billing_core.database import Database
from billing_core.errors import StripeObjectMissing, StripeRefused, StripeUnavailable
from config.settings import Settings
from ingest.api.cursor import Position
from ingest.api.errors import InvalidCursor
from tests.building import T0, fact, invoice, moment
from tests.ingest.api.calling import API, opened_api, problem, settings_for_api
from tests.ingest.api.stand_in import StandIn, seed, subscription_id
from tests.ingest.api.tokens import admin, user

pytestmark = pytest.mark.anyio

LISTS = ["subscriptions", "invoices", "payment-methods", "events"]


async def pages(api: httpx.AsyncClient, name: str, limit: int) -> list[list[dict[str, Any]]]:
    """Return all pages of user 1's list."""
    found, cursor = [], ""
    while cursor is not None:
        params = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = await api.get(f"{API}/users/1/{name}", params=params, headers=user(1))
        assert answer.status_code == 200
        found.append(answer.json()["data"])
        cursor = answer.json()["next"]
    return found


def invoiced(database: Database, *, days: list[int]) -> None:
    """Give user 1 more invoices, made so many days after T0."""
    with database.write() as session:
        for number, day in enumerate(days):
            apply_facts(session, [fact(invoice(f"in_day{day}_{number}", created=T0 + day * 86_400), at=number + 1)])


async def test_subscription_is_found_by_either_id(api: httpx.AsyncClient, any_database: Database) -> None:
    own_id = subscription_id(any_database)
    answers = [await api.get(f"{API}/subscriptions/{one}", headers=user(1)) for one in ("sub_1", own_id)]
    assert answers[0].json() == answers[1].json()
    told = answers[0].json()
    assert (told["subscription_id"], told["status"], told["stripe_price_id"]) == (own_id, "active", "price_1")
    assert told["stripe_created_at"] == moment().isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "identifier", ["0", "sub", "sub_", "in_1", "-1", "1.0", "sub_1%2Fcancel", "sub_%C3%A4", "sub_1%00"]
)
async def test_what_is_no_id_is_refused(api: httpx.AsyncClient, identifier: str) -> None:
    assert problem(await api.get(f"{API}/subscriptions/{identifier}", headers=user(1)))["status"] in {404, 422}


async def test_lists_hold_what_is_the_users(api: httpx.AsyncClient) -> None:
    for name, field in zip(
        LISTS, ["stripe_subscription_id", "stripe_invoice_id", "stripe_payment_method_id"], strict=False
    ):
        [[one]] = await pages(api, name, 10)
        assert one[field].endswith("_1")
    [events] = await pages(api, "events", 10)
    assert {one["object_id"] for one in events} == {"sub_1", "in_1", "pm_1"}
    assert not any("event_data" in one for one in events)


async def test_pages_are_the_newest_first_and_hold_each_row_once(database: Database, redis_url: str) -> None:
    seed(database)
    invoiced(database, days=[5, 9, 7, 7, 7, 1])
    async with opened_api(settings_for_api(redis_url, database)) as client:
        [whole] = await pages(client, "invoices", 100)
        for limit in (1, 2, 3, 7):
            found = await pages(client, "invoices", limit)
            assert [one for page in found for one in page] == whole
            assert {len(page) for page in found[:-1]} <= {limit}
    days = [one["stripe_invoice_id"].split("_")[1] for one in whole]
    assert days == ["day9", "day7", "day7", "day7", "day5", "day1", "1"]


async def test_row_that_comes_between_two_pages_shifts_nothing(api: httpx.AsyncClient, any_database: Database) -> None:
    invoiced(any_database, days=[1, 2, 3])
    first = (await api.get(f"{API}/users/1/invoices?limit=2", headers=user(1))).json()
    invoiced(any_database, days=[9])
    params = {"limit": 2, "cursor": first["next"]}
    second = (await api.get(f"{API}/users/1/invoices", params=params, headers=user(1))).json()
    assert [one["stripe_invoice_id"] for one in second["data"]] == ["in_day1_0", "in_1"]


@pytest.mark.parametrize("name", LISTS)
async def test_user_without_anything_has_empty_lists(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"{API}/users/77/{name}", headers=admin())
    assert answer.json() == {"data": [], "next": None}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e9"])
async def test_limit_is_1_to_100(api: httpx.AsyncClient, limit: str) -> None:
    answer = await api.get(f"{API}/users/1/events?limit={limit}", headers=user(1))
    assert problem(answer)["errors"][0]["parameter"] == "limit"


def test_cursor_is_read_as_written() -> None:
    position = Position(moment() + timedelta(microseconds=123_457), 2**40)
    assert Position.read(position.cursor()) == position


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", "MS4x=", "\u00e4", "MS4x\n", "MQ", "MS4tMQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "MS4wMQ", " "],
)
async def test_cursor_that_nobody_wrote_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        Position.read(cursor)
    answer = await api.get(f"{API}/users/1/events", params={"cursor": cursor}, headers=user(1))
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid_cursor")


async def secret(settings: Settings, says: Any) -> httpx.Response:
    def client_secret(_: str) -> str | None:
        if isinstance(says, Exception):
            raise says
        found: str | None = says
        return found

    async with opened_api(settings, client_secret=client_secret) as client:
        return await client.get(f"{API}/subscriptions/sub_1/client-secret", headers=user(1))


@pytest.fixture
def seeded(settings: Settings, worker: StandIn) -> Settings:
    return settings


async def test_client_secret_comes_from_stripe_and_is_kept_nowhere(
    seeded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await secret(seeded, "pi_1_secret_2")
    assert answer.json() == {"client_secret": "pi_1_secret_2"}
    assert "pi_1_secret_2" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("says", "status", "code"),
    [
        (None, 404, "no_client_secret"),
        (StripeObjectMissing("GET: gone"), 404, "not_found"),
        (StripeRefused("GET: 400 for jane@example.com"), 502, "stripe_refused"),
        (StripeUnavailable("GET: 503"), 503, "stripe_unavailable"),
        (StripeUnavailable("circuit", retry_after=7.2), 503, "stripe_unavailable"),
    ],
)
async def test_stripes_trouble_is_told_in_our_words(seeded: Settings, says: Any, status: int, code: str) -> None:
    answer = await secret(seeded, says)
    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert "GET" not in answer.text
    assert answer.headers.get("retry-after") == {"circuit": "8", "GET: 503": "5"}.get(str(says))
