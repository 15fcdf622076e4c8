"""One history, three shapes: modern snapshots, snapshots from before basil, thin events."""

import json
from typing import Any

import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import eight_types
from tests.fake_stripe.errors import Json

OLD = "2024-06-20"


@pytest.fixture(scope="module")
def lived() -> tuple[FakeStripe, dict[str, Json]]:
    fake = FakeStripe(rate=0)
    return fake, eight_types(fake)


def body(fake: FakeStripe, event: Json, **shape: Any) -> Json:
    shown: Json = json.loads(fake.body(event, **shape))
    return shown


def test_modern_subscription_has_periods_on_items_only(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, events = lived
    sub = body(fake, events["customer.subscription.created"])["data"]["object"]
    assert "current_period_end" not in sub
    assert sub["items"]["data"][0]["current_period_end"] > sub["created"]


def test_old_subscription_has_periods_at_the_root_only(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, events = lived
    event = events["customer.subscription.created"]
    old = body(fake, event, api_version=OLD)
    sub, item = old["data"]["object"], event["data"]["object"]["items"]["data"][0]
    assert old["api_version"] == OLD
    assert sub["current_period_end"] == item["current_period_end"]
    assert sub["plan"]["id"] == fake.price
    assert "current_period_end" not in sub["items"]["data"][0]


def test_old_renewal_says_its_previous_period_at_the_root(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, _ = lived
    renewal = next(
        event
        for event in fake.events_of("customer.subscription.updated")
        if "items" in event["data"]["previous_attributes"]
    )
    previous = body(fake, renewal, api_version=OLD)["data"]["previous_attributes"]
    modern = renewal["data"]["previous_attributes"]["items"]["data"][0]
    assert previous["current_period_end"] == modern["current_period_end"]


def test_modern_invoice_knows_its_subscription_by_parent(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, events = lived
    invoice = body(fake, events["invoice.payment_succeeded"])["data"]["object"]
    assert invoice["parent"]["subscription_details"]["subscription"].startswith("sub_")
    assert {"subscription", "charge", "payment_intent", "paid"}.isdisjoint(invoice)


def test_old_invoice_has_its_links_at_the_root(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, events = lived
    invoice = body(fake, events["invoice.payment_succeeded"], api_version=OLD)["data"]["object"]
    assert invoice["subscription"] in fake.subscriptions
    assert invoice["charge"] in fake.charges
    assert fake.charges[invoice["charge"]]["payment_intent"] == invoice["payment_intent"]
    assert invoice["paid"] is True
    assert invoice["lines"]["data"][0]["price"]["id"] == fake.price
    assert "parent" not in invoice


def test_old_failed_invoice_is_not_paid(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, events = lived
    invoice = body(fake, events["invoice.payment_failed"], api_version=OLD)["data"]["object"]
    assert (invoice["paid"], invoice["charge"] in fake.charges) == (False, True)


def test_old_charge_names_its_invoice_and_a_modern_one_does_not(
    lived: tuple[FakeStripe, dict[str, Json]],
) -> None:
    fake, _ = lived
    event = fake.events_of("charge.succeeded")[0]
    assert body(fake, event, api_version=OLD)["data"]["object"]["invoice"] in fake.invoices
    assert "invoice" not in body(fake, event)["data"]["object"]


def test_private_links_never_show(lived: tuple[FakeStripe, dict[str, Json]]) -> None:
    fake, _ = lived
    for event in fake.events:
        for version in (OLD, None):
            assert b"_links" not in fake.body(event, api_version=version)


def test_thin_event_points_at_the_object(fake: FakeStripe, client: stripe.StripeClient) -> None:
    event = eight_types(fake)["customer.subscription.updated"]
    thin = body(fake, event, is_thin=True)
    assert thin["type"] == "v1.customer.subscription.updated"
    assert thin["snapshot_event"] == event["id"]
    fetched = client.v2.core.events.retrieve(thin["id"])
    assert fetched.type == thin["type"]
    related = client.raw_request("get", thin["related_object"]["url"])
    assert related.data["id"] == event["data"]["object"]["id"]


def test_request_with_an_old_version_is_answered_in_the_old_shape(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    sub = eight_types(fake)["customer.subscription.created"]["data"]["object"]["id"]
    answer = client.raw_request("get", f"/v1/subscriptions/{sub}", stripe_version=OLD)
    assert "current_period_end" in answer.data
