"""What time does: renewals, retries, trials, cancellations, expiry. The engine is called without HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fake_stripe import BillingSettings, FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.fake_stripe.errors import Json, StripeFailure

HOUR, DAY = 3600, 86400

START = int(datetime(2026, 1, 31, 9, tzinfo=UTC).timestamp())


def new_fake(**settings: Any) -> FakeStripe:
    return FakeStripe(rate=0, start=START, billing=BillingSettings(**settings))


def status(fake: FakeStripe, sub: Json) -> str:
    return str(fake.subscriptions[sub["id"]]["status"])


def types(fake: FakeStripe) -> list[str]:
    return [event["type"] for event in fake.events]


def test_renewal_is_drafted_at_period_end_and_paid_an_hour_later() -> None:
    fake = new_fake()
    sub = subscription(fake)
    end = sub["items"]["data"][0]["current_period_end"]
    fake.clock.advance(days=29)
    created, paid = fake.events_of("invoice.created")[1], fake.events_of("invoice.paid")[1]
    assert created["created"] == end
    assert created["data"]["object"]["status"] == "draft"
    assert paid["created"] == end + HOUR
    assert paid["data"]["object"]["billing_reason"] == "subscription_cycle"
    assert paid["request"] == {"id": None, "idempotency_key": None}


def test_month_ends_clamp_and_recover() -> None:
    fake = new_fake()
    sub = subscription(fake)
    ends = []
    for _ in range(3):
        item = fake.subscriptions[sub["id"]]["items"]["data"][0]
        ends.append(datetime.fromtimestamp(item["current_period_end"], UTC).strftime("%m-%d"))
        fake.clock.advance(seconds=item["current_period_end"] - fake.clock.now())
    assert ends == ["02-28", "03-31", "04-30"]


def test_failed_renewal_is_retried_on_schedule_and_then_canceled() -> None:
    fake = new_fake(retry_days=(3, 5))
    customer, method = customer_with_card(fake)
    sub = subscription(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=28, hours=2)
    assert status(fake, sub) == "past_due"
    fake.clock.advance(days=9)
    failed = fake.events_of("invoice.payment_failed")
    assert [event["data"]["object"]["attempt_count"] for event in failed] == [1, 2, 3]
    first, second, third = (event["created"] for event in failed)
    assert (second - first, third - second) == (3 * DAY, 5 * DAY)
    assert failed[-1]["data"]["object"]["next_payment_attempt"] is None
    deleted = fake.events_of("customer.subscription.deleted")[0]["data"]["object"]
    assert deleted["cancellation_details"]["reason"] == "payment_failed"


@pytest.mark.parametrize("choice", ["unpaid", "past_due"])
def test_account_settings_decide_after_the_last_retry(choice: str) -> None:
    fake = new_fake(retry_days=(), after_last_retry=choice)
    customer, method = customer_with_card(fake)
    sub = subscription(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=29)
    assert status(fake, sub) == choice


def test_recovered_payment_makes_past_due_active() -> None:
    fake = new_fake()
    customer, method = customer_with_card(fake)
    sub = subscription(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=29)
    fake.cards.accept(method["id"])
    fake.clock.advance(days=3)
    assert status(fake, sub) == "active"
    assert fake.events[-1]["data"]["previous_attributes"] == {"status": "past_due"}


def test_customer_can_pay_a_failed_invoice_with_another_card() -> None:
    fake = new_fake()
    customer, method = customer_with_card(fake)
    sub = subscription(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=29)
    other = call(fake, "POST", "/v1/payment_methods/pm_card_mastercard/attach", customer=customer["id"])
    latest = fake.subscriptions[sub["id"]]["latest_invoice"]
    call(fake, "POST", f"/v1/invoices/{latest}/pay", payment_method=other["id"])
    assert status(fake, sub) == "active"


def test_trial_reminds_then_charges() -> None:
    fake = new_fake()
    sub = subscription(fake, trial_period_days=14)
    assert sub["status"] == "trialing"
    assert fake.events_of("invoice.paid")[0]["data"]["object"]["amount_paid"] == 0
    fake.clock.advance(days=14, hours=1)
    reminder = fake.events_of("customer.subscription.trial_will_end")[0]
    assert reminder["created"] == sub["trial_end"] - 3 * DAY
    assert status(fake, sub) == "active"
    assert fake.events_of("invoice.paid")[1]["data"]["object"]["amount_paid"] == 1000


@pytest.mark.parametrize(
    ("behavior", "ends_as", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
    ],
)
def test_trial_without_card_ends_as_its_settings_say(behavior: str, ends_as: str, event: str) -> None:
    fake = new_fake()
    customer = call(fake, "POST", "/v1/customers")
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    sub = subscription(fake, customer, trial_period_days=7, trial_settings=settings)
    fake.clock.advance(days=8)
    assert status(fake, sub) == ends_as
    assert event in types(fake)


def test_paused_subscription_resumes_with_a_paid_period() -> None:
    fake = new_fake()
    customer = call(fake, "POST", "/v1/customers")
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    sub = subscription(fake, customer, trial_period_days=7, trial_settings=settings)
    fake.clock.advance(days=8)
    method = call(fake, "POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer["id"])
    path = f"/v1/subscriptions/{sub['id']}"
    call(fake, "POST", path, default_payment_method=method["id"])
    assert call(fake, "POST", f"{path}/resume")["status"] == "active"
    assert fake.events_of("invoice.paid")[-1]["data"]["object"]["amount_paid"] == 1000


def test_cancel_at_period_end_deletes_at_that_moment() -> None:
    fake = new_fake()
    sub = subscription(fake)
    call(fake, "POST", f"/v1/subscriptions/{sub['id']}", cancel_at_period_end=True)
    fake.clock.advance(days=40)
    deleted = fake.events_of("customer.subscription.deleted")[0]
    assert deleted["created"] == sub["items"]["data"][0]["current_period_end"]
    assert len(fake.invoices) == 1


def test_planned_cancellation_happens_in_the_middle_of_a_period() -> None:
    fake = new_fake()
    sub = subscription(fake, cancel_at=START + 10 * DAY)
    fake.clock.advance(days=11)
    assert fake.subscriptions[sub["id"]]["ended_at"] == START + 10 * DAY


def test_canceled_subscription_cannot_be_canceled_again() -> None:
    fake = new_fake()
    path = f"/v1/subscriptions/{subscription(fake)['id']}"
    assert call(fake, "DELETE", path)["status"] == "canceled"
    with pytest.raises(StripeFailure) as refused:
        call(fake, "DELETE", path)
    assert (refused.value.status, refused.value.error["code"]) == (404, "resource_missing")


def test_declined_first_payment_leaves_incomplete_and_expires() -> None:
    fake = new_fake()
    customer, _ = customer_with_card(fake, "pm_card_chargeCustomerFail")
    sub = subscription(fake, customer)
    assert sub["status"] == "incomplete"
    assert "invoice.payment_failed" in types(fake)
    fake.clock.advance(hours=23)
    assert status(fake, sub) == "incomplete_expired"
    assert "invoice.voided" in types(fake)


def test_error_if_incomplete_answers_402_and_creates_nothing() -> None:
    fake = new_fake()
    customer, _ = customer_with_card(fake, "pm_card_chargeCustomerFail")
    with pytest.raises(StripeFailure) as declined:
        subscription(fake, customer, payment_behavior="error_if_incomplete")
    assert declined.value.error["decline_code"] == "generic_decline"
    assert fake.subscriptions == {}


def test_card_that_is_declined_when_saved_stays_unattached() -> None:
    fake = new_fake()
    with pytest.raises(StripeFailure) as declined:
        customer_with_card(fake, "pm_card_chargeDeclined")
    assert (declined.value.status, declined.value.error["code"]) == (402, "card_declined")


def test_3d_secure_leaves_incomplete_until_the_customer_passes() -> None:
    fake = new_fake()
    customer, _ = customer_with_card(fake, "pm_card_authenticationRequired")
    sub = subscription(fake, customer)
    assert sub["status"] == "incomplete"
    assert "invoice.payment_action_required" in types(fake)
    intent = fake.events_of("payment_intent.requires_action")[0]["data"]["object"]["id"]
    fake.control.authenticate(payment_intent=intent)
    assert status(fake, sub) == "active"


def test_default_incomplete_waits_for_the_client_to_confirm() -> None:
    fake = new_fake()
    sub = subscription(fake, payment_behavior="default_incomplete")
    assert sub["status"] == "incomplete"
    intent = next(iter(fake.state["payment_intent"]))
    call(fake, "POST", f"/v1/payment_intents/{intent}/confirm", payment_method="pm_card_visa")
    assert status(fake, sub) == "active"


def test_customer_without_any_card_is_refused() -> None:
    fake = new_fake()
    with pytest.raises(StripeFailure, match="no attached payment source"):
        subscription(fake, call(fake, "POST", "/v1/customers"))


def test_dispute_card_is_disputed_in_the_second_it_pays() -> None:
    fake = new_fake()
    customer, _ = customer_with_card(fake, "pm_card_createDispute")
    subscription(fake, customer)
    assert types(fake)[-3:] == ["charge.updated", "charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert next(iter(fake.charges.values()))["disputed"] is True


def test_paused_collection_voids_what_it_bills() -> None:
    fake = new_fake()
    sub = subscription(fake)
    call(fake, "POST", f"/v1/subscriptions/{sub['id']}", pause_collection={"behavior": "void"})
    fake.clock.advance(days=29)
    assert fake.invoices[fake.subscriptions[sub["id"]]["latest_invoice"]]["status"] == "void"
    assert status(fake, sub) == "active"


def test_seat_added_halfway_is_prorated_on_the_next_invoice() -> None:
    fake = new_fake()
    sub = subscription(fake)
    fake.clock.advance(days=14)
    item = sub["items"]["data"][0]["id"]
    call(fake, "POST", f"/v1/subscriptions/{sub['id']}", items=[{"id": item, "quantity": 2}])
    fake.clock.advance(days=15)
    lines = fake.events_of("invoice.paid")[1]["data"]["object"]["lines"]["data"]
    assert [line["amount"] for line in lines] == [-500, 1000, 2000]


def test_always_invoice_bills_the_difference_at_once() -> None:
    fake = new_fake()
    sub = subscription(fake)
    fake.clock.advance(days=14)
    items = [{"id": sub["items"]["data"][0]["id"], "quantity": 2}]
    path = f"/v1/subscriptions/{sub['id']}"
    call(fake, "POST", path, items=items, proration_behavior="always_invoice")
    paid = fake.events_of("invoice.paid")[1]["data"]["object"]
    assert (paid["amount_paid"], paid["billing_reason"]) == (500, "subscription_update")


def test_change_to_a_yearly_price_starts_a_new_period() -> None:
    fake = new_fake()
    sub = subscription(fake)
    fake.clock.advance(days=14)
    yearly = {"currency": "aud", "unit_amount": 9900, "recurring": {"interval": "year"}}
    price = call(fake, "POST", "/v1/prices", product_data={"name": "Yearly"}, **yearly)
    items = [{"id": sub["items"]["data"][0]["id"], "price": price["id"]}]
    changed = call(fake, "POST", f"/v1/subscriptions/{sub['id']}", items=items)
    item = changed["items"]["data"][0]
    assert item["current_period_start"] == fake.clock.timestamp()
    assert item["current_period_end"] - item["current_period_start"] == 365 * DAY
    assert fake.events_of("invoice.paid")[1]["data"]["object"]["amount_paid"] == 9900 - 500


def test_coupon_for_once_spares_only_the_first_invoice() -> None:
    fake = new_fake()
    coupon = call(fake, "POST", "/v1/coupons", percent_off=25, duration="once")
    promotion = call(fake, "POST", "/v1/promotion_codes", promotion={"type": "coupon", "coupon": coupon["id"]})
    subscription(fake, discounts=[{"promotion_code": promotion["id"]}])
    fake.clock.advance(days=29)
    paid = [event["data"]["object"]["amount_paid"] for event in fake.events_of("invoice.paid")]
    assert paid == [750, 1000]
    assert fake.spec_violations == []


def test_sent_invoice_waits_for_payment_out_of_band() -> None:
    fake = new_fake()
    sub = subscription(fake, collection_method="send_invoice", days_until_due=14)
    assert sub["status"] == "active"
    path = f"/v1/invoices/{sub['latest_invoice']}"
    assert call(fake, "GET", path)["due_date"] == START + 14 * DAY
    paid = call(fake, "POST", f"{path}/pay", paid_out_of_band=True)
    assert (paid["status"], paid["amount_paid"]) == ("paid", 0)


def test_saved_default_card_follows_the_first_payment() -> None:
    fake = new_fake()
    sub = subscription(fake, payment_settings={"save_default_payment_method": "on_subscription"})
    assert sub["default_payment_method"] in fake.payment_methods
