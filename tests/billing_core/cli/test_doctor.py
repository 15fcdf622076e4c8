"""`billing doctor` and `billing endpoint`: what they say, and their exit codes."""

from collections.abc import Iterator

import pytest
from redis import Redis

from billing_core.watch.endpoint import last_check
from tests.billing_core.cli.operator import Answer, Operation, billing
from tests.billing_core.test_watch.watched import Watched
from tests.embedded.ports import free_port
from tests.fake_stripe import FakeStripe

URL = "https://billing.example.com/webhooks/stripe"


@pytest.fixture
def fake(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    """A Stripe account that the command knows, and a service that lives."""
    with FakeStripe() as fake:
        values = {
            "STRIPE_SECRET_KEY": fake.api_key,
            "STRIPE_API_BASE": fake.url,
            "STRIPE_WEBHOOK_SECRET": "whsec_ours",
            "BILLING_PUBLIC_URL": URL,
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        Watched(operation.redis, operation.here.database).live()
        yield fake


def level_of(answer: Answer, check: str) -> str:
    (found,) = {one["level"] for one in answer.json()["findings"] if one["check"] == check}
    return str(found)


@pytest.mark.usefixtures("fake")
def test_doctor_finds_a_sound_service_sound() -> None:
    billing("endpoint", "create")
    answer = billing("doctor")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0].split() == ["check", "level", "found", "do"]
    assert not [line for line in answer.lines if " fail " in line]


@pytest.mark.usefixtures("fake")
def test_doctor_ends_with_1_where_anything_fails() -> None:
    answer = billing("doctor", "--json")
    assert (answer.code, answer.json()["ok"]) == (1, False)
    assert level_of(answer, "endpoint") == "fail"


@pytest.mark.usefixtures("fake")
def test_doctor_looks_at_the_rest_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    answer = billing("doctor", "--json")
    assert answer.code == 1
    assert level_of(answer, "Redis") == "fail"
    assert level_of(answer, "schema") == "ok"
    assert level_of(answer, "Stripe's API") == "ok"
    assert level_of(answer, "workers") == "warn"


def test_doctor_tells_the_endpoint_as_it_is_now_not_as_it_was_checked(fake: FakeStripe) -> None:
    assert billing("endpoint", "check").code == 1  # there is none, and that is kept
    billing("endpoint", "create")
    answer = billing("doctor", "--json")
    assert (answer.code, level_of(answer, "endpoint")) == (0, "ok")


def test_secret_of_a_new_endpoint_stands_alone_on_stdout(fake: FakeStripe, operation: Operation) -> None:
    answer = billing("endpoint", "create")
    (endpoint,) = fake.state["webhook_endpoint"]
    assert answer.code == 0
    (secret,) = answer.lines
    assert secret.startswith("whsec_")
    assert answer.err.startswith(f"{endpoint} is registered. Put its secret into STRIPE_WEBHOOK_SECRET")
    assert secret not in answer.err
    assert not kept(operation.redis, secret)


def kept(redis: Redis, secret: str) -> bool:
    return any(secret.encode() in (redis.dump(name) or b"") for name in redis.scan_iter())


def test_second_endpoint_is_refused_and_the_check_is_offered(fake: FakeStripe) -> None:
    billing("endpoint", "create")
    answer = billing("endpoint", "create")
    assert (answer.code, answer.out) == (1, "")
    assert "billing endpoint check" in answer.err
    assert len(fake.state["webhook_endpoint"]) == 1


def test_url_may_be_given(fake: FakeStripe) -> None:
    billing("endpoint", "create", "--url", f"{URL}/other")
    (endpoint,) = fake.state["webhook_endpoint"].values()
    assert endpoint["url"] == f"{URL}/other"
    assert billing("endpoint", "check", "--url", f"{URL}/other").code == 0
    assert billing("endpoint", "check").code == 1


@pytest.mark.usefixtures("fake")
def test_command_without_any_url_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BILLING_PUBLIC_URL")
    assert billing("endpoint", "check").code == 2


def test_check_finds_what_somebody_changed_at_stripe(fake: FakeStripe) -> None:
    endpoint = fake.add_endpoint(URL, events=["*"], api_version="2024-06-20")
    answer = billing("endpoint", "check", "--json")
    assert answer.code == 0  # it works; two warnings
    assert level_of(answer, "endpoint's API version") == "warn"
    assert level_of(answer, "endpoint's event types") == "warn"
    with fake.sandbox.lock:
        fake.sandbox.state.get("webhook_endpoint", endpoint["id"])["status"] = "disabled"
    assert billing("endpoint", "check").code == 1


@pytest.mark.usefixtures("fake")
def test_check_is_kept_for_the_status(operation: Operation) -> None:
    billing("endpoint", "check")
    assert "fail endpoint: none is registered" in billing("status").out
    billing("endpoint", "create")
    billing("endpoint", "check")
    assert "endpoint" not in billing("status").out
    check = last_check(operation.here.database)
    assert check is not None
    assert check.problems == []


def test_silence_of_stripe_ends_the_check_with_one_line(fake: FakeStripe) -> None:
    fake.faults.add(status=401, times=9)
    answer = billing("endpoint", "check")
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert "401" in answer.err
