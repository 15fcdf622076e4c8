import time
from collections.abc import Iterator

import pytest
import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from billing_core.errors import StripeRefused, StripeUnavailable
from billing_core.stripe_api import StripeApi
from billing_core.stripe_gate import Left, StripeGate, gate_over
from config.settings import Settings
from tests.fake_stripe import FakeStripe


class Gates:
    """Gates of several processes over one Redis; their sleep is only counted."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.slept = list[float]()

    def open(self, *, rate: int = 1000, failures: int = 3, pause: float = 60) -> StripeGate:
        return StripeGate(self.client, "{t}:", rate=rate, failures=failures, pause=pause, sleep=self.slept.append)

    def pause_is_over(self) -> None:
        self.client.hset("{t}:stripe:circuit", "until", 1)


@pytest.fixture
def gates(redis_url: str) -> Iterator[Gates]:
    with redis.Redis.from_url(redis_url) as client:
        yield Gates(client)


def test_calls_of_all_processes_together_keep_the_rate(gates: Gates) -> None:
    """Ten calls a second and a burst of five: the sixth waits, whichever process it comes from."""
    one, other = gates.open(rate=10), gates.open(rate=10)
    for gate in (one, other, one, other, one):
        gate.enter()
    assert gates.slept == []
    other.enter()
    one.enter()
    assert gates.slept == [pytest.approx(0.1, abs=0.06), pytest.approx(0.2, abs=0.06)]


def test_call_that_would_wait_too_long_is_put_off(gates: Gates) -> None:
    gate = gates.open(rate=1)
    for _ in range(3):
        gate.enter()
    with pytest.raises(StripeUnavailable, match="too many calls wait") as put_off:
        gate.enter()
    assert put_off.value.retry_after == pytest.approx(3, abs=0.2)


def test_waiting_calls_that_were_put_off_take_no_turn(gates: Gates) -> None:
    gate = gates.open(rate=1)
    for _ in range(3):
        gate.enter()
    for _ in range(5):
        with pytest.raises(StripeUnavailable) as put_off:
            gate.enter()
    assert put_off.value.retry_after == pytest.approx(3, abs=0.2)


def test_what_stripe_asks_for_holds_for_all(gates: Gates) -> None:
    gates.open().left(Left.LIMITED, retry_after=7)
    with pytest.raises(StripeUnavailable) as put_off:
        gates.open().enter()
    assert put_off.value.retry_after == pytest.approx(7, abs=0.2)


def test_shorter_pause_does_not_end_a_longer_one(gates: Gates) -> None:
    gates.open().left(Left.LIMITED, retry_after=7)
    gates.open().left(Left.LIMITED)
    with pytest.raises(StripeUnavailable) as put_off:
        gates.open().enter()
    assert put_off.value.retry_after == pytest.approx(7, abs=0.2)


def opened(gates: Gates) -> StripeGate:
    for _ in range(3):
        gate = gates.open()
        gate.enter()
        gate.left(Left.FAILED)
    return gates.open()


def test_failures_in_a_row_open_the_circuit_for_all(gates: Gates) -> None:
    gate = opened(gates)
    with pytest.raises(StripeUnavailable, match="circuit is open") as refused:
        gate.enter()
    assert refused.value.retry_after == pytest.approx(60, abs=1)


def test_answer_between_failures_keeps_the_circuit_closed(gates: Gates) -> None:
    gate = gates.open()
    for outcome in (Left.FAILED, Left.FAILED, Left.ANSWERED, Left.FAILED, Left.FAILED):
        gate.left(outcome)
    gate.enter()


def test_after_the_pause_one_call_tries_and_the_others_wait_for_it(gates: Gates) -> None:
    gate = opened(gates)
    gates.pause_is_over()
    gate.enter()
    with pytest.raises(StripeUnavailable, match="circuit is open"):
        gates.open().enter()


def test_probe_that_is_answered_closes_the_circuit(gates: Gates) -> None:
    gate = opened(gates)
    gates.pause_is_over()
    gate.enter()
    gate.left(Left.ANSWERED)
    gates.open().enter()
    gates.open().enter()


def test_probe_that_fails_opens_the_circuit_again_at_once(gates: Gates) -> None:
    gate = opened(gates)
    gates.pause_is_over()
    gate.enter()
    gate.left(Left.FAILED)
    with pytest.raises(StripeUnavailable) as refused:
        gate.enter()
    assert refused.value.retry_after == pytest.approx(60, abs=1)


def test_calls_go_out_while_redis_is_away(closed_port: int) -> None:
    away = redis.Redis(port=closed_port, retry=Retry(NoBackoff(), 0))
    gate = StripeGate(away, "{t}:", rate=1, failures=1, pause=1)
    gate.left(Left.FAILED)
    for _ in range(5):
        gate.enter()


def test_gate_is_as_configured(gates: Gates) -> None:
    settings = Settings(env="test", stripe_circuit_failures=1, stripe_circuit_pause=5)
    assert settings.stripe_requests_per_second == 25
    assert Settings(env="test", stripe_rate=7).stripe_requests_per_second == 7
    gate_over(gates.client, settings).left(Left.FAILED)
    with pytest.raises(StripeUnavailable, match="circuit is open"):
        gate_over(gates.client, settings).enter()


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(seed=2) as fake:
        yield fake


def api(fake: FakeStripe, gate: StripeGate, *, retries: int = 0) -> StripeApi:
    return StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=retries, gate=gate)


def test_outage_opens_the_circuit_and_calls_fail_at_once(gates: Gates, fake: FakeStripe) -> None:
    stripe = api(fake, gates.open())
    fake.faults.down = True
    for _ in range(3):
        with pytest.raises(StripeUnavailable, match="APIConnectionError"):
            stripe.fetch("/v1/customers")
    asked, began = len(fake.request_log), time.monotonic()
    with pytest.raises(StripeUnavailable, match="circuit is open"):
        stripe.fetch("/v1/customers")
    assert len(fake.request_log) == asked
    assert time.monotonic() - began < 1
    fake.faults.down = False
    gates.pause_is_over()
    assert stripe.fetch("/v1/customers").obj["data"] == []


def test_retries_of_the_sdk_pass_the_gate_too(gates: Gates, fake: FakeStripe) -> None:
    fake.faults.add(status=503, times=5)
    with pytest.raises(StripeUnavailable, match="circuit is open"):
        api(fake, gates.open(failures=2), retries=5).fetch("/v1/customers")
    assert len(fake.request_log) == 2


def test_refusals_are_answers(gates: Gates, fake: FakeStripe) -> None:
    stripe = api(fake, gates.open(failures=1))
    with pytest.raises(StripeRefused) as refused:
        stripe.write("post", "/v1/subscriptions", {"customer": "cus_none"}, idempotency_key="k")
    assert (refused.value.status, refused.value.param) == (400, "customer")
    assert stripe.fetch("/v1/customers").obj["data"] == []


def test_limit_of_one_process_pauses_another(gates: Gates, fake: FakeStripe) -> None:
    fake.faults.add(status=429, retry_after=9)
    with pytest.raises(StripeUnavailable) as limited:
        api(fake, gates.open()).fetch("/v1/customers")
    assert limited.value.retry_after == 9
    with pytest.raises(StripeUnavailable, match="too many calls wait"):
        api(fake, gates.open()).fetch("/v1/customers")


def test_same_key_is_answered_once_and_then_repeated(gates: Gates, fake: FakeStripe) -> None:
    stripe = api(fake, gates.open())
    first = stripe.write("post", "/v1/customers", {"metadata": {"user_id": "7"}}, idempotency_key="k")
    again = stripe.write("post", "/v1/customers", {"metadata": {"user_id": "7"}}, idempotency_key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.obj == again.obj
    assert first.request_id
    assert len(fake.customers) == 1
