"""Each command against fake Stripe: what it leaves there, in our tables, and on record."""

import json
from typing import Any

import pytest

from billing_core.commands import Command, CommandStatus
from billing_core.commands.payment_truth import client_secret
from billing_core.models import BillingCustomer, Invoice, PaymentMethod, Refund, Subscription
from tests.billing_core.test_commands.desk import USER, Desk
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.stores import count, row

DEAR = "price_dear"


def only(table: dict[str, Any]) -> dict[str, Any]:
    [one] = table.values()
    return dict(one)


def said(command: Command) -> dict[str, Any]:
    assert command.result
    return command.result


def wrong(command: Command) -> dict[str, Any]:
    assert command.error
    return command.error


def test_subscription_is_created_with_customer_and_payment_method(desk: Desk, fake: FakeStripe) -> None:
    command = desk.create(metadata={"team": "blue"}, quantity=2)
    sub, invoice, customer = only(fake.subscriptions), only(fake.invoices), only(fake.customers)
    assert (command.status, command.error) == (CommandStatus.SUCCEEDED, None)
    assert customer["metadata"] == {"user_id": str(USER)}
    assert sub["metadata"] == {"team": "blue", "user_id": str(USER), "billing_command_id": command.command_id}
    assert sub["items"]["data"][0]["quantity"] == 2
    held = row(desk.database, Subscription)
    assert (held.stripe_subscription_id, held.status, held.user_id) == (sub["id"], "active", USER)
    paid = row(desk.database, Invoice)
    assert (paid.stripe_invoice_id, paid.status, paid.subscription_id) == (invoice["id"], "paid", held.subscription_id)
    assert row(desk.database, PaymentMethod).stripe_payment_method_id == sub["default_payment_method"]
    assert (command.subscription_id, command.invoice_id) == (held.subscription_id, paid.invoice_id)
    assert said(command) == {
        "subscription_id": held.subscription_id,
        "stripe_subscription_id": sub["id"],
        "status": "active",
        "stripe_customer_id": customer["id"],
        "stripe_invoice_id": invoice["id"],
        "next_step": None,
    }
    assert fake.spec_violations == []


def test_events_that_follow_name_the_command_by_their_key(any_desk: Desk, fake: FakeStripe) -> None:
    command = any_desk.create()
    [created] = fake.events_of("customer.subscription.created")
    assert created["request"]["idempotency_key"] == f"{command.command_id}:subscription"
    assert created["request"]["id"] == command.stripe_request_id
    [customer] = fake.events_of("customer.created")
    assert customer["request"]["idempotency_key"] == f"billing-customer-{USER}"


def test_second_subscription_uses_the_same_customer(any_desk: Desk, fake: FakeStripe) -> None:
    any_desk.create()
    assert any_desk.create(price_id=fake.price).status is CommandStatus.SUCCEEDED
    assert (len(fake.customers), len(fake.subscriptions)) == (1, 2)


def test_deleted_customer_is_replaced_by_a_new_one(any_desk: Desk, fake: FakeStripe) -> None:
    first = said(any_desk.create())["stripe_customer_id"]
    call(fake, "DELETE", f"/v1/customers/{first}")
    with any_desk.database.write() as session:
        session.query(BillingCustomer).filter_by(stripe_customer_id=first).update({"deleted_at": fake.clock.datetime()})
    second = said(any_desk.create())["stripe_customer_id"]
    assert second != first
    assert not fake.customers[second].get("deleted")


def test_trial_and_coupon_are_passed_on(any_desk: Desk, fake: FakeStripe) -> None:
    coupon = call(fake, "POST", "/v1/coupons", percent_off=50, duration="forever")
    assert said(any_desk.create(trial_days=5, coupon=coupon["id"]))["status"] == "trialing"
    assert only(fake.subscriptions)["discounts"]
    assert fake.spec_violations == []


def test_without_any_price_the_command_is_refused(any_desk: Desk, fake: FakeStripe) -> None:
    any_desk.executor = any_desk.executor_with(default_price=None)
    command = any_desk.create()
    assert (command.status, wrong(command)["code"]) == (CommandStatus.REFUSED, "price_missing")
    assert fake.request_log == []


def test_card_that_cannot_be_saved_is_declined(desk: Desk, fake: FakeStripe) -> None:
    command = desk.create(payment_method_id="pm_card_chargeDeclinedInsufficientFunds")
    assert (command.status, command.result) == (CommandStatus.DECLINED, None)
    assert wrong(command) == {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "param": None,
        "message": "The bank declined the payment.",
        "next_step": "use_another_payment_method",
        "request_id": command.stripe_request_id,
    }
    assert fake.subscriptions == {}


def test_expired_card_is_to_be_corrected(any_desk: Desk) -> None:
    command = any_desk.create(payment_method_id="pm_card_chargeDeclinedExpiredCard")
    assert (wrong(command)["code"], wrong(command)["next_step"]) == ("expired_card", "correct_the_card_details")


def test_declined_first_payment_leaves_the_subscription_incomplete(desk: Desk, fake: FakeStripe) -> None:
    command = desk.create(payment_method_id="pm_card_chargeCustomerFail")
    assert command.status is CommandStatus.DECLINED
    assert (said(command)["status"], said(command)["next_step"]) == ("incomplete", "use_another_payment_method")
    assert wrong(command)["decline_code"] == "generic_decline"
    assert wrong(command)["request_id"] == command.stripe_request_id is not None
    assert row(desk.database, Subscription).status == only(fake.subscriptions)["status"] == "incomplete"
    assert row(desk.database, Invoice).status == "open"


def test_card_that_asks_for_its_owner_leaves_the_subscription_incomplete(any_desk: Desk, fake: FakeStripe) -> None:
    command = any_desk.create(payment_method_id="pm_card_authenticationRequired")
    assert (command.status, command.error) == (CommandStatus.SUCCEEDED, None)
    assert (said(command)["status"], said(command)["next_step"]) == ("incomplete", "authenticate")
    intent = only(fake.state["payment_intent"])
    assert client_secret(any_desk.stripe, said(command)["stripe_subscription_id"]) == intent["client_secret"]
    on_record = any_desk.row(command)
    assert "_secret_" not in json.dumps([on_record.result, on_record.steps, on_record.error, on_record.arguments])
    assert fake.spec_violations == []


def test_nothing_to_authenticate_has_no_secret(any_desk: Desk) -> None:
    assert client_secret(any_desk.stripe, said(any_desk.create())["stripe_subscription_id"]) is None


def test_wrong_parameter_is_refused_with_stripes_code_and_none_of_its_words(any_desk: Desk) -> None:
    command = any_desk.create(price_id="price_none")
    assert command.status is CommandStatus.REFUSED
    assert wrong(command) == {
        "code": "resource_missing",
        "decline_code": None,
        "param": "items[0][price]",
        "message": "Stripe refused the request for its parameter items[0][price].",
        "next_step": "correct_the_request",
        "request_id": command.stripe_request_id,
    }


def test_payment_method_that_is_attached_already_is_used_as_it_is(any_desk: Desk, fake: FakeStripe) -> None:
    customer = said(any_desk.create())["stripe_customer_id"]
    method = call(fake, "POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"]
    fake.faults.add(status=400, path="*/attach")
    assert any_desk.create(payment_method_id=method).status is CommandStatus.SUCCEEDED
    assert {sub["default_payment_method"] for sub in fake.subscriptions.values()} >= {method}


def test_payment_method_of_somebody_else_is_refused(any_desk: Desk, fake: FakeStripe) -> None:
    _, method = customer_with_card(fake)
    assert any_desk.create(payment_method_id=method["id"]).status is CommandStatus.REFUSED
    assert fake.subscriptions == {}


@pytest.fixture
def subscribed(any_desk: Desk) -> dict[str, Any]:
    return said(any_desk.create())


def dear_price(fake: FakeStripe) -> str:
    product = next(iter(fake.state["product"]))
    recurring = {"interval": "month"}
    price: str = call(
        fake, "POST", "/v1/prices", product=product, unit_amount=5000, currency="aud", recurring=recurring
    )["id"]
    return price


def test_price_and_quantity_are_changed(any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]) -> None:
    price = dear_price(fake)
    own_id = subscribed["subscription_id"]
    command = any_desk.do(
        "update_subscription", subscription_id=own_id, price_id=price, quantity=3, proration="always_invoice"
    )
    assert command.status is CommandStatus.SUCCEEDED
    held = row(any_desk.database, Subscription)
    assert (held.stripe_price_id, held.quantity) == (price, 3)
    assert held.latest_invoice == only(fake.subscriptions)["latest_invoice"]
    assert row(any_desk.database, Invoice, stripe_invoice_id=held.latest_invoice).status == "paid"
    assert fake.spec_violations == []


def test_subscription_is_paused_and_resumed(any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]) -> None:
    stripe_id = subscribed["stripe_subscription_id"]
    any_desk.do("update_subscription", subscription_id=stripe_id, pause="void")
    assert only(fake.subscriptions)["pause_collection"]["behavior"] == "void"
    any_desk.do("update_subscription", subscription_id=stripe_id, resume=True)
    assert only(fake.subscriptions)["pause_collection"] is None
    assert fake.spec_violations == []


def test_subscription_that_stripe_paused_is_resumed_by_its_own_call(
    any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]
) -> None:
    fake.sandbox.state.get("subscription", subscribed["stripe_subscription_id"])["status"] = "paused"
    command = any_desk.do(
        "update_subscription", subscription_id=subscribed["subscription_id"], resume=True, cancel_at_period_end=True
    )
    assert (command.status, said(command)["status"]) == (CommandStatus.SUCCEEDED, "active")
    assert row(any_desk.database, Subscription).cancel_at_period_end
    assert fake.spec_violations == []


def test_end_at_period_end_is_set_and_taken_back(any_desk: Desk, subscribed: dict[str, Any]) -> None:
    own_id = subscribed["subscription_id"]
    any_desk.do("cancel_subscription", subscription_id=own_id, when="period_end")
    assert row(any_desk.database, Subscription).cancel_at_period_end
    any_desk.do("update_subscription", subscription_id=own_id, cancel_at_period_end=False)
    held = row(any_desk.database, Subscription)
    assert (held.cancel_at_period_end, held.status) == (False, "active")


def test_payment_method_of_a_subscription_is_changed(
    any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]
) -> None:
    method = call(fake, "POST", "/v1/payment_methods", type="card", card={"token": "tok_mastercard"})["id"]
    any_desk.do("update_subscription", subscription_id=subscribed["subscription_id"], default_payment_method=method)
    assert row(any_desk.database, Subscription).default_payment_method == method
    assert fake.payment_methods[method]["customer"] == subscribed["stripe_customer_id"]


def test_subscription_is_canceled_with_its_last_payment_back(desk: Desk, fake: FakeStripe) -> None:
    subscribed = said(desk.create())
    command = desk.do("cancel_subscription", subscription_id=subscribed["subscription_id"], refund="last_invoice")
    refund = only(fake.refunds)
    assert (command.status, said(command)["status"]) == (CommandStatus.SUCCEEDED, "canceled")
    assert said(command)["refund"]["stripe_refund_id"] == refund["id"]
    held = row(desk.database, Refund)
    assert (held.stripe_refund_id, held.user_id, held.amount) == (refund["id"], USER, refund["amount"])
    assert held.subscription_id == row(desk.database, Subscription).subscription_id
    assert row(desk.database, Subscription).status == only(fake.subscriptions)["status"] == "canceled"
    assert fake.spec_violations == []


def test_unused_time_is_credited(any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]) -> None:
    any_desk.do("cancel_subscription", subscription_id=subscribed["subscription_id"], refund="prorated")
    assert only(fake.state["invoiceitem"])["amount"] < 0
    assert fake.refunds == {}
    assert fake.spec_violations == []


def test_canceling_twice_succeeds_once_more_without_a_second_effect(
    any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]
) -> None:
    own_id = subscribed["subscription_id"]
    first = any_desk.do("cancel_subscription", subscription_id=own_id)
    again = any_desk.do("cancel_subscription", subscription_id=own_id)
    assert (first.status, again.status) == (CommandStatus.SUCCEEDED, CommandStatus.SUCCEEDED)
    assert len(fake.events_of("customer.subscription.deleted")) == 1


def test_refund_that_stripe_refuses_leaves_the_subscription_canceled_and_says_so(
    any_desk: Desk, subscribed: dict[str, Any]
) -> None:
    any_desk.do("refund_invoice", invoice_id=subscribed["stripe_invoice_id"])
    command = any_desk.do("cancel_subscription", subscription_id=subscribed["subscription_id"], refund="last_invoice")
    assert (command.status, said(command)["status"]) == (CommandStatus.SUCCEEDED, "canceled")
    assert (said(command)["refund"], wrong(command)["code"]) == (None, "charge_already_refunded")


def test_invoice_is_refunded_in_part_and_then_the_rest(desk: Desk, fake: FakeStripe) -> None:
    invoice = desk.create().invoice_id
    part = desk.do("refund_invoice", invoice_id=invoice, amount=300, reason="requested_by_customer")
    rest = desk.do("refund_invoice", invoice_id=invoice)
    paid = only(fake.invoices)["amount_paid"]
    assert [said(part)["amount"], said(rest)["amount"]] == [300, paid - 300]
    assert count(desk.database, Refund) == len(fake.refunds) == 2
    assert rest.invoice_id == invoice
    assert fake.spec_violations == []


def test_more_than_was_paid_is_not_refunded(any_desk: Desk, fake: FakeStripe, subscribed: dict[str, Any]) -> None:
    command = any_desk.do("refund_invoice", invoice_id=subscribed["stripe_invoice_id"], amount=10_000_000)
    assert (command.status, wrong(command)["param"]) == (CommandStatus.REFUSED, "amount")
    assert fake.refunds == {}


def test_invoice_without_a_payment_cannot_be_refunded(any_desk: Desk) -> None:
    trial = said(any_desk.create(trial_days=3))
    command = any_desk.do("refund_invoice", invoice_id=trial["stripe_invoice_id"])
    assert (command.status, wrong(command)["code"]) == (CommandStatus.REFUSED, "invoice_not_paid")


def test_object_of_nobody_here_is_left_alone(any_desk: Desk, fake: FakeStripe) -> None:
    stranger = subscription(fake)
    command = any_desk.do("cancel_subscription", subscription_id=stranger["id"])
    assert (command.status, wrong(command)["code"]) == (CommandStatus.REFUSED, "not_ours")
    assert only(fake.subscriptions)["status"] == "active"


def test_object_that_stripe_does_not_have_is_refused(any_desk: Desk) -> None:
    command = any_desk.do("cancel_subscription", subscription_id="sub_none")
    assert (command.status, wrong(command)["code"]) == (CommandStatus.REFUSED, "resource_missing")
