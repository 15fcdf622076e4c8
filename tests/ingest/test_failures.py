import httpx
import pytest
import structlog

from billing_core.database import Database
from config.settings import Settings
from ingest import failures
from ingest.failures import Failures, address_of
from tests.ingest.api.calling import opened_api, problem, settings_for_api
from tests.ingest.api.tokens import user
from tests.ingest.deliveries import contents, counted, event_body, opened, post, settings_for

LIMIT = 3


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


PROXIES = Settings(env="test", trusted_proxies="127.0.0.0/8,10.1.0.0/16,2001:db8:1::/48").trusted_proxies


def scope(client: str | None, *forwarded: str) -> dict[str, object]:
    return {
        "client": (client, 1) if client else None,
        "headers": [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in forwarded)],
    }


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # said by nobody whom we believe
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),  # the first was the sender's own word
        ("127.0.0.1", ["192.0.2.66", "198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("2001:db8:1::5", ["2001:db8:2::7"], "2001:db8:2::7"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["', DROP TABLE"], "DROP TABLE"),
        ("127.0.0.1", [], "127.0.0.1"),
        (None, [], ""),
    ],
)
def test_address_is_the_last_that_a_proxy_of_ours_reported(client: str, forwarded: list[str], address: str) -> None:
    assert address_of(scope(client, *forwarded), PROXIES) == address


def test_each_address_has_its_own_limit_which_comes_back_with_time() -> None:
    clock = Clock()
    door = Failures(LIMIT, PROXIES, "test", clock)
    assert [door.note(scope("192.0.2.1")) for _ in range(LIMIT + 1)] == [None] * LIMIT + [20]
    assert door.note(scope("192.0.2.2")) is None
    clock.now += 20
    assert [door.note(scope("192.0.2.1")) for _ in range(2)] == [None, 20]


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("2001:db8:5::1", "2001:db8:5::ffff:2", True),
        ("2001:db8:5::1", "2001:db8:5:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("no address", "another", True),
    ],
)
def test_whoever_owns_many_addresses_counts_once(one: str, another: str, same: bool) -> None:
    door = Failures(1, PROXIES, "test")
    assert door.note(scope(one)) is None
    assert (door.note(scope(another)) is not None) is same


def test_many_senders_together_are_limited_too_and_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST", 50)
    with structlog.testing.capture_logs() as lines:
        door = Failures(LIMIT, PROXIES, "test", Clock())
        waits = [door.note(scope(f"192.0.2.{number}")) for number in range(200)]
    assert waits.count(None) == LIMIT * failures.ALL
    assert len(door) < 50
    assert [line["network"] for line in lines] == ["everybody"]


def test_log_tells_once_and_names_the_network_only() -> None:
    clock = Clock()
    with structlog.testing.capture_logs() as lines:
        door = Failures(LIMIT, PROXIES, "test", clock)
        for address in ("192.0.2.77", "2001:db8:5::1", "no address"):
            for _ in range(LIMIT + 5):
                door.note(scope(address))
        assert [line["network"] for line in lines] == ["192.0.2.0/24", "2001:db8:5::/48", "unknown"]
        clock.now += 60
        for _ in range(LIMIT + 5):
            door.note(scope("192.0.2.77"))
    assert len(lines) == 4


@pytest.mark.anyio
async def test_unsigned_requests_get_429_and_signed_ones_are_taken_all_the_same(
    redis_url: str, sqlite_url: str
) -> None:
    settings = settings_for(redis_url, database_url=sqlite_url, failures_per_minute=LIMIT)
    before = counted("billing_failures_limited", door="webhook")
    async with opened(settings) as client:
        with structlog.testing.capture_logs() as lines:
            answers = [await post(client, signature="nonsense") for _ in range(LIMIT + 2)]
        assert [answer.status_code for answer in answers] == [400] * LIMIT + [429] * 2
        assert answers[-1].json()["error"]["code"] == "bad_signature"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert contents(redis_url) == {}
        assert [line["event"] for line in lines].count("webhook.refused") == LIMIT
        assert (await post(client, event_body("evt_1"))).json() == {"received": True}
        assert (await post(client, b"{}")).status_code == 400  # signed, and no event: told as it is
    assert counted("billing_failures_limited", door="webhook") == before + 2


@pytest.mark.anyio
async def test_calls_without_a_good_token_get_429_and_those_with_one_are_answered(
    redis_url: str, sqlite: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/api/billing/users/1/subscriptions"
    async with opened_api(settings_for_api(redis_url, sqlite, failures_per_minute=LIMIT)) as client:
        answers = [await client.get(path, headers=bad) for bad in ({}, {"Authorization": "Bearer x"}) * LIMIT]
        assert [answer.status_code for answer in answers] == [401] * LIMIT + [429] * LIMIT
        assert problem(answers[-1])["code"] == "too_many_failures"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert (await client.get(path, headers=user(1))).status_code == httpx.codes.OK
    assert capsys.readouterr().out.count('"api.called"') == LIMIT + 1
