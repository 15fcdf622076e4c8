"""A customer's whole life through the real SDK; nothing in it may differ from Stripe's specification."""

from typing import Any

import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import EIGHT_TYPES, call, customer_with_card, eight_types, subscription

FIRST_PAYMENT = [
    "customer.subscription.created",
    "invoice.created",
    "payment_intent.created",
    "invoice.finalized",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "customer.subscription.updated",
]


def subscribe(client: stripe.StripeClient, fake: FakeStripe, **more: Any) -> tuple[stripe.Customer, Any]:
    customer = client.v1.customers.create(fake.sandbox.people.person())  # type: ignore[arg-type]  # a plain dict
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    params: Any = {"customer": customer.id, "default_payment_method": method.id, "items": [{"price": fake.price}]}
    return customer, client.v1.subscriptions.create(params | more)


def test_whole_life_agrees_with_stripes_specification(client: stripe.StripeClient, fake: FakeStripe) -> None:
    customer, sub = subscribe(client, fake, expand=["latest_invoice.payments", "customer"])
    assert sub.status == "active"
    assert sub.latest_invoice.payments.data[0].status == "paid"
    card = sub.default_payment_method
    fake.cards.decline(card)
    fake.clock.advance(days=32)
    assert client.v1.subscriptions.retrieve(sub.id).status == "past_due"
    replaced = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    client.v1.subscriptions.update(sub.id, {"default_payment_method": replaced.id})
    fake.clock.advance(days=4)
    assert client.v1.subscriptions.retrieve(sub.id).status == "active"
    client.v1.payment_methods.detach(card)
    charge = client.v1.charges.list({"customer": customer.id, "limit": 1}).data[0]
    disputed = fake.control.open_dispute(charge=charge.id)
    client.v1.disputes.update(disputed["id"], {"evidence": {"uncategorized_text": "winning_evidence"}})
    client.v1.refunds.create({"charge": charge.id, "amount": 300, "reason": "requested_by_customer"})
    client.v1.subscriptions.update(sub.id, {"cancel_at_period_end": True})
    fake.clock.advance(days=31)
    assert client.v1.subscriptions.retrieve(sub.id).status == "canceled"
    assert set(EIGHT_TYPES) <= {event["type"] for event in fake.events}
    assert fake.spec_violations == []


def test_first_payment_emits_stripes_events_in_one_second(client: stripe.StripeClient, fake: FakeStripe) -> None:
    _, sub = subscribe(client, fake)
    events = fake.events[-len(FIRST_PAYMENT) :]
    assert [event["type"] for event in events] == FIRST_PAYMENT
    assert {event["created"] for event in events} == {sub.created}
    assert len({event["request"]["id"] for event in events}) == 1
    assert events[0]["data"]["object"]["status"] == "incomplete"
    assert events[-1]["data"]["previous_attributes"] == {"status": "incomplete"}
    assert events[-1]["data"]["object"]["status"] == "active"


def test_event_carries_the_idempotency_key_of_its_request(client: stripe.StripeClient, fake: FakeStripe) -> None:
    client.v1.customers.create({"email": "one@example.com"}, {"idempotency_key": "key-1"})
    assert fake.events[-1]["request"]["idempotency_key"] == "key-1"


def test_same_seed_tells_the_same_story() -> None:
    stories = [FakeStripe(seed=5, rate=0, start=1_790_000_000) for _ in range(2)]
    for story in stories:
        eight_types(story)
    assert stories[0].events == stories[1].events


def test_personal_values_cover_customers_and_what_copies_them() -> None:
    fake = FakeStripe()
    customer, _ = customer_with_card(fake)
    subscription(fake, customer)
    values = fake.personal_values()
    assert {customer["email"], customer["name"], customer["phone"], customer["address"]["line1"]} <= values


def test_deleted_customer_leaves_a_stub_and_no_subscription(fake: FakeStripe) -> None:
    customer, _ = customer_with_card(fake)
    sub = subscription(fake, customer)
    call(fake, "DELETE", f"/v1/customers/{customer['id']}")
    assert fake.customers[customer["id"]] == {"id": customer["id"], "object": "customer", "deleted": True}
    assert fake.subscriptions[sub["id"]]["status"] == "canceled"
