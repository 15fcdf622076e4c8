"""Signed webhooks: what arrives, how often, in which order, and what the log says."""

import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, eight_types, subscription
from tests.test_fake_stripe.receiver import Receiver

SECRET = "whsec_test"


@pytest.fixture
def endpoint(fake: FakeStripe, receiver: Receiver) -> str:
    return str(fake.add_endpoint(receiver.url, secret=SECRET)["id"])


def new_customer(fake: FakeStripe) -> str:
    call(fake, "POST", "/v1/customers")
    return str(fake.events[-1]["id"])


def test_every_event_arrives_once_signed_and_indented(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    eight_types(fake)
    fake.wait_until_delivered()
    arrived = sorted(event["id"] for event in receiver.events)
    assert arrived == sorted(event["id"] for event in fake.events)
    receiver.verify_all(SECRET)
    assert receiver.received[0][0].startswith(b'{\n  "id": "evt_')
    assert all(event["pending_webhooks"] == 0 for event in fake.events)


def test_endpoint_gets_only_the_types_it_enabled(fake: FakeStripe, receiver: Receiver) -> None:
    fake.add_endpoint(receiver.url, events=["customer.subscription.created"])
    subscription(fake)
    fake.wait_until_delivered()
    assert receiver.types == ["customer.subscription.created"]


def test_endpoint_with_an_old_version_gets_the_old_shape(fake: FakeStripe, receiver: Receiver) -> None:
    fake.add_endpoint(receiver.url, events=["customer.subscription.created"], api_version="2020-08-27")
    subscription(fake)
    fake.wait_until_delivered()
    assert "current_period_end" in receiver.events[0]["data"]["object"]


def test_thin_endpoint_gets_notifications(fake: FakeStripe, receiver: Receiver) -> None:
    fake.add_endpoint(receiver.url, events=["customer.created"], payload="thin")
    new_customer(fake)
    fake.wait_until_delivered()
    assert receiver.events[0]["object"] == "v2.core.event"


def test_endpoint_made_by_the_api_signs_with_the_secret_it_answered(
    fake: FakeStripe, receiver: Receiver, client: stripe.StripeClient
) -> None:
    made = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["customer.created"]})
    new_customer(fake)
    fake.wait_until_delivered()
    receiver.verify_all(str(made.secret))
    assert not hasattr(client.v1.webhook_endpoints.retrieve(made.id), "secret")
    client.v1.webhook_endpoints.delete(made.id)
    new_customer(fake)
    fake.wait_until_delivered()
    assert len(receiver.received) == 1


def test_rotated_secret_signs_beside_the_old_one(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.control.rotate_secret(endpoint=endpoint, secret="whsec_new")
    new_customer(fake)
    fake.wait_until_delivered()
    receiver.verify_all("whsec_new")
    receiver.verify_all(SECRET)


def test_refused_delivery_is_retried_when_the_fake_clock_says_so(
    fake: FakeStripe, receiver: Receiver, endpoint: str
) -> None:
    receiver.statuses = [500, 503]
    new_customer(fake)
    fake.wait_until_delivered()
    assert [attempt.status for attempt in fake.deliveries] == [500]
    assert fake.events[-1]["pending_webhooks"] == 1
    fake.clock.advance(minutes=5)
    fake.wait_until_delivered()
    fake.clock.advance(minutes=30)
    fake.wait_until_delivered()
    assert [(one.attempt, one.status) for one in fake.deliveries] == [(1, 500), (2, 503), (3, 200)]
    assert fake.deliveries[2].at - fake.deliveries[0].at == 35 * 60
    assert fake.events[-1]["pending_webhooks"] == 0


def test_settled_advance_lets_a_whole_retry_schedule_run_out(fake: FakeStripe, receiver: Receiver) -> None:
    fake.add_endpoint(receiver.url)
    receiver.statuses = [500] * 20
    new_customer(fake)
    fake.wait_until_delivered()
    fake.clock.advance(days=5, settle=True)
    assert len(fake.deliveries) == 1 + len(fake.delivery.options.retry_schedule)


def test_retries_can_run_in_real_time(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.control.set_delivery(retry_on_real_time=True, retry_schedule=[0.02, 0.02])
    receiver.statuses = [500]
    new_customer(fake)
    fake.wait_until_delivered()
    assert [attempt.status for attempt in fake.deliveries] == [500, 200]


def test_unreachable_endpoint_is_logged_without_a_status(fake: FakeStripe) -> None:
    fake.add_endpoint("http://127.0.0.1:9/nobody")
    new_customer(fake)
    fake.wait_until_delivered()
    assert (fake.deliveries[0].status, "ConnectError" in str(fake.deliveries[0].error)) == (None, True)


def test_slow_endpoint_times_out(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.delivery.options.timeout = 0.05
    receiver.gate.clear()
    new_customer(fake)
    fake.wait_until_delivered()
    assert "Timeout" in str(fake.deliveries[0].error)


@pytest.mark.parametrize("order", [None, "reverse", "shuffle"])
def test_held_deliveries_are_released_in_the_chosen_order(
    fake: FakeStripe, receiver: Receiver, endpoint: str, order: str | None
) -> None:
    fake.control.set_delivery(paused=True, concurrency=1)
    happened = [new_customer(fake) for _ in range(5)]
    assert receiver.received == []
    sent = fake.delivery.release(order, seed=3)
    fake.wait_until_delivered()
    assert [event["id"] for event in receiver.events] == sent
    expected = {None: happened, "reverse": happened[::-1]}
    assert sent == expected.get(order, sent)
    assert sorted(sent) == sorted(happened)


def test_chosen_events_go_and_the_rest_stays_held(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.delivery.pause()
    first, second, third = (new_customer(fake) for _ in range(3))
    assert fake.delivery.release([third, first]) == [third, first]
    fake.wait_until_delivered()
    assert {event["id"] for event in receiver.events} == {third, first}
    fake.delivery.resume()
    fake.wait_until_delivered()
    assert receiver.events[-1]["id"] == second


def test_deliveries_can_be_doubled_lost_and_sent_again(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.control.set_delivery(copies=2)
    doubled = new_customer(fake)
    fake.control.set_delivery(copies=1, drop_next=1)
    lost = new_customer(fake)
    fake.wait_until_delivered()
    assert [event["id"] for event in receiver.events] == [doubled, doubled]
    fake.deliver(lost)
    fake.wait_until_delivered()
    assert receiver.events[-1]["id"] == lost


def test_types_can_be_dropped(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.control.set_delivery(drop_types=["customer.created"])
    new_customer(fake)
    fake.wait_until_delivered()
    assert receiver.received == []


def test_shuffle_mixes_what_one_request_emits(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    fake.control.set_delivery(shuffle_seed=1, concurrency=1)
    subscription(fake)
    fake.wait_until_delivered()
    arrived = [event["id"] for event in receiver.events]
    happened = [event["id"] for event in fake.events]
    assert sorted(arrived) == sorted(happened)
    assert arrived != happened


def test_waiting_for_a_delivery_that_hangs_times_out(fake: FakeStripe, receiver: Receiver, endpoint: str) -> None:
    receiver.gate.clear()
    new_customer(fake)
    with pytest.raises(TimeoutError, match="1 deliveries"):
        fake.wait_until_delivered(timeout=0.05)


def test_stopping_gives_up_what_is_under_way(receiver: Receiver) -> None:
    with FakeStripe() as fake:
        fake.add_endpoint(receiver.url)
        receiver.gate.clear()
        new_customer(fake)
    assert fake.deliveries == []


def test_events_from_before_serving_are_held_until_released(receiver: Receiver) -> None:
    fake = FakeStripe()
    fake.add_endpoint(receiver.url)
    early = new_customer(fake)
    with fake:
        assert fake.delivery.release() == [early]
        fake.wait_until_delivered()
    assert [event["id"] for event in receiver.events] == [early]
