"""The fake as a process of its own, controlled over HTTP."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from tests.fake_stripe import FakeStripe, FakeStripeClient
from tests.fake_stripe.builders import subscription
from tests.test_fake_stripe.receiver import Receiver

ROOT = Path(__file__).parents[2]


@pytest.fixture
def process(receiver: Receiver) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.fake_stripe", "--rate", "0"]
    webhook = ["--webhook-url", receiver.url, "--webhook-secret", "whsec_process"]
    with subprocess.Popen(command + webhook, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.fixture
def url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[3]


@pytest.fixture
def control(url: str) -> Iterator[FakeStripeClient]:
    client = FakeStripeClient(url)
    yield client
    client.close()


def test_story_across_processes(url: str, control: FakeStripeClient, receiver: Receiver) -> None:
    http = stripe.RequestsClient()
    client = stripe.StripeClient(FakeStripe.api_key, base_addresses={"api": url}, http_client=http)
    customer = client.v1.customers.create({"email": "bronte@example.com"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    params = {"customer": customer.id, "default_payment_method": method.id, "items": [{"price": FakeStripe.price}]}
    sub = client.v1.subscriptions.create(params)  # type: ignore[arg-type]  # a plain dict
    control.decline_card(method.id)
    control.advance(days=32, settle=True)
    assert client.v1.subscriptions.retrieve(sub.id).status == "past_due"
    control.accept_card(method.id)
    control.advance(days=4)
    charge = client.v1.charges.list().data[0].id
    dispute = control.open_dispute(charge)
    control.move_dispute(dispute["id"], "lost")
    control.wait_until_delivered(timeout=60)
    assert control.state()["subscription"][sub.id]["status"] == "active"
    assert {attempt["status"] for attempt in control.deliveries()} == {200}
    assert sorted(event["id"] for event in control.events()) == sorted(event["id"] for event in receiver.events)
    receiver.verify_all("whsec_process")
    assert "bronte@example.com" in control.run("personal")
    http.close()  # type: ignore[no-untyped-call]  # stripe leaves it untyped


def test_interrupted_process_ends_cleanly(process: "subprocess.Popen[str]", url: str) -> None:
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 0


def test_faults_and_held_deliveries_over_http(fake: FakeStripe, receiver: Receiver) -> None:
    client = FakeStripeClient(fake.url)
    client.add_endpoint(receiver.url, events=["customer.subscription.created"])
    client.add_fault(status=503, times=1)
    client.set_delivery(paused=True, drop_types=["invoice.paid"])
    subscription(fake)
    event = fake.events_of("customer.subscription.created")[0]["id"]
    assert client.release([event]) == [event]
    client.deliver(event)
    client.wait_until_delivered()
    assert len(receiver.received) == 2
    assert client.run("violations") == []
    assert client.run("requests") == []
    assert client.run("time") == {"now": fake.clock.now()}
    for command in ("bring_down", "bring_up", "clear_faults"):
        client.run(command)
    client.close()


@pytest.mark.parametrize(
    ("command", "arguments", "complaint"),
    [
        ("dance", {}, "no command dance"),
        ("set_delivery", {"speed": 9}, "no delivery option speed"),
        ("move_dispute", {"dispute": "du_nope", "status": "won"}, "No such dispute"),
    ],
)
def test_wrong_command_says_what_is_wrong(
    fake: FakeStripe, command: str, arguments: dict[str, object], complaint: str
) -> None:
    client = FakeStripeClient(fake.url)
    with pytest.raises(RuntimeError, match=complaint):
        client.run(command, **arguments)
    client.close()
