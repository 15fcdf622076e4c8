import threading
import time

import pytest
import stripe

from tests.fake_stripe import FakeStripe, sign
from tests.fake_stripe.clock import Clock


def new_clock(rate: float = 0) -> Clock:
    return Clock(1000.0, rate, threading.RLock())


def test_standing_clock_moves_only_when_advanced() -> None:
    clock = new_clock()
    assert clock.advance(minutes=1) == 1060.0
    assert clock.timestamp() == 1060


def test_fast_clock_runs_at_its_rate() -> None:
    clock = new_clock(rate=1e6)
    time.sleep(0.001)
    assert clock.now() > 2000


def test_due_actions_run_in_time_order_each_at_its_moment() -> None:
    clock, seen = new_clock(), []
    for due in (1030, 1010, 1020):
        clock.at(due, lambda due=due: seen.append((due, clock.now())))  # type: ignore[misc]  # bound early
    clock.advance(seconds=25)
    assert seen == [(1010, 1010.0), (1020, 1020.0)]
    assert clock.next_due == 1030


def test_action_planned_by_an_action_is_run_in_the_same_advance() -> None:
    clock, seen = new_clock(), []
    clock.at(1010, lambda: clock.at(1015, lambda: seen.append(clock.timestamp())))
    clock.advance(seconds=60)
    assert seen == [1015]


def test_running_account_does_what_falls_due_by_itself() -> None:
    with FakeStripe(rate=1) as fake:
        happened = threading.Event()
        fake.clock.at(fake.clock.now() + 0.01, happened.set)
        assert happened.wait(5)


def test_signature_is_what_the_sdk_verifies() -> None:
    body = b'{"id": "evt_1"}'
    header = sign(body, ["whsec_old", "whsec_new"])
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.WebhookSignature.verify_header(body.decode(), header, secret, tolerance=10)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_other")
    assert sign(body, "whsec_x", t=5).startswith("t=5,v1=")
