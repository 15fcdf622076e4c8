"""Each resource through the real SDK; after every test, all that was said must fit Stripe's specification."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.fake_stripe.errors import StripeFailure

DAY = 86400


@pytest.fixture(autouse=True)
def specified(fake: FakeStripe) -> Iterator[None]:
    yield
    assert fake.spec_violations == []


@pytest.fixture
def customer(fake: FakeStripe) -> str:
    return str(customer_with_card(fake)[0]["id"])


def test_customer_is_changed_found_and_deleted(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(
        {
            "email": "ngaire@example.com",
            "metadata": {"user": "7", "plan": "x"},
            "address": {"line1": "1 Kestrel Mews", "country": "AU"},
            "shipping": {"name": "Ngaire", "address": {"city": "Ballarat"}},
            "balance": -250,
            "preferred_locales": ["en-AU"],
        }
    )
    changed = client.v1.customers.update(made.id, {"name": "Ngaire", "metadata": {"plan": ""}, "email": ""})
    assert (changed.name, changed.email) == ("Ngaire", None)
    assert fake.customers[made.id]["metadata"] == {"user": "7"}
    assert fake.events[-1]["data"]["previous_attributes"] == {
        "email": "ngaire@example.com",
        "metadata": {"plan": "x"},
        "name": None,
    }
    client.v1.customers.update(made.id, {"email": "b@example.com"})
    assert [one.id for one in client.v1.customers.list({"email": "b@example.com"}).data] == [made.id]
    assert client.v1.customers.delete(made.id).deleted
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.update(made.id, {"name": "Nobody"})


def test_customer_whose_card_is_refused_is_not_created(fake: FakeStripe, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError):
        client.v1.customers.create({"payment_method": "pm_card_chargeDeclined"})
    assert (fake.customers, fake.events) == ({}, [])


def test_unchanged_customer_emits_no_event(fake: FakeStripe, client: stripe.StripeClient, customer: str) -> None:
    before = len(fake.events)
    client.v1.customers.update(customer, {"description": ""})
    assert len(fake.events) == before


def test_credit_balance_pays_first(fake: FakeStripe, client: stripe.StripeClient, customer: str) -> None:
    client.v1.customers.update(customer, {"balance": -300})
    sub = subscription(fake, fake.customers[customer])
    invoice = fake.invoices[sub["latest_invoice"]]
    assert (invoice["amount_due"], invoice["starting_balance"], invoice["ending_balance"]) == (700, -300, 0)
    assert fake.customers[customer]["balance"] == 0


def test_card_from_token_is_attached_changed_and_detached(
    fake: FakeStripe, client: stripe.StripeClient, customer: str
) -> None:
    details: Any = {"email": "tuan@example.com", "address": {"country": "AU"}}
    made = client.v1.payment_methods.create(
        {"type": "card", "card": {"token": "tok_mastercard"}, "billing_details": details}
    )
    assert (made.card.brand, made.card.last4) == ("mastercard", "4444")  # type: ignore[union-attr]  # it is a card
    client.v1.payment_methods.attach(made.id, {"customer": customer})
    client.v1.payment_methods.update(made.id, {"card": {"exp_year": 2040}, "billing_details": {"name": "Tuan"}})
    assert fake.payment_methods[made.id]["billing_details"]["email"] == "tuan@example.com"
    mine = client.v1.customers.payment_methods.list(customer)
    assert len(mine.data) == len(client.v1.payment_methods.list({"customer": customer, "type": "card"}).data) == 2
    assert client.v1.customers.payment_methods.retrieve(customer, made.id).id == made.id
    assert client.v1.payment_methods.detach(made.id).customer is None
    assert len(client.v1.customers.payment_methods.list(customer).data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        client.v1.payment_methods.detach(made.id)
    with pytest.raises(stripe.InvalidRequestError, match="must save"):
        client.v1.payment_methods.update(made.id, {"metadata": {"a": "b"}})


def test_card_from_number_shows_only_its_last_four(fake: FakeStripe, client: stripe.StripeClient) -> None:
    number = "4242424242424242"
    card: Any = {"number": number, "exp_month": 9, "exp_year": 2039, "cvc": "123"}
    made = client.v1.payment_methods.create({"type": "card", "card": card})
    token = client.v1.tokens.create({"card": card | {"exp_month": "9", "exp_year": "2039"}})
    again = client.v1.payment_methods.create({"type": "card", "card": {"token": token.id}})
    assert [fake.payment_methods[one.id]["card"]["last4"] for one in (made, again)] == ["4242", "4242"]
    assert number not in str(fake.state)
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.create({"type": "card", "card": card | {"number": "1234"}})


def test_card_of_another_customer_is_refused(fake: FakeStripe, client: stripe.StripeClient, customer: str) -> None:
    _, other = customer_with_card(fake)
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(other["id"], {"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": other["id"]}})


def test_detached_default_leaves_customer_and_subscription_without(fake: FakeStripe, customer: str) -> None:
    default = fake.customers[customer]["invoice_settings"]["default_payment_method"]
    sub = subscription(fake, fake.customers[customer], default_payment_method=default)
    call(fake, "POST", f"/v1/payment_methods/{default}/detach")
    assert fake.customers[customer]["invoice_settings"]["default_payment_method"] is None
    assert fake.subscriptions[sub["id"]]["default_payment_method"] is None


def test_catalog_is_made_changed_and_listed(fake: FakeStripe, client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Gold", "description": "shiny"})
    price = client.v1.prices.create(
        {
            "product": product.id,
            "currency": "aud",
            "unit_amount": 2500,
            "recurring": {"interval": "month", "interval_count": 3},
            "lookup_key": "gold",
        }
    )
    client.v1.products.update(product.id, {"name": "Golden", "active": False})
    client.v1.prices.update(price.id, {"nickname": "quarterly", "active": False})
    assert [one.id for one in client.v1.prices.list({"lookup_keys": ["gold"]}).data] == [price.id]
    assert client.v1.products.retrieve(product.id).name == "Golden"
    assert len(client.v1.products.list().data) == 2
    with pytest.raises(StripeFailure, match="inactive"):
        subscription(fake, items=[{"price": price.id}])
    assert client.v1.prices.retrieve(fake.price).unit_amount == 1000


def test_subscription_is_changed_in_many_ways(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake)
    changed = client.v1.subscriptions.update(
        sub["id"],
        {
            "metadata": {"a": "1"},
            "description": "one seat",
            "cancel_at_period_end": True,
            "cancellation_details": {"feedback": "unused", "comment": "bye"},
            "payment_settings": {"save_default_payment_method": "on_subscription"},
        },
    )
    details = changed.cancellation_details
    assert details is not None
    assert (details.reason, details.feedback) == ("cancellation_requested", "unused")
    assert changed.cancel_at == sub["items"]["data"][0]["current_period_end"]
    kept = client.v1.subscriptions.update(sub["id"], {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    client.v1.subscriptions.cancel(sub["id"], {"cancellation_details": {"comment": "really"}, "prorate": True})
    assert client.v1.subscriptions.update(sub["id"], {"metadata": {"a": "2"}}).metadata["a"] == "2"
    with pytest.raises(stripe.InvalidRequestError, match="can only update its"):
        client.v1.subscriptions.update(sub["id"], {"description": "no"})


def test_items_are_added_and_removed(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake)
    first = sub["items"]["data"][0]["id"]
    data: Any = {"currency": "aud", "product": "prod_FakeResumePlan", "unit_amount": 500}
    extra: Any = {"price_data": data | {"recurring": {"interval": "month"}}, "quantity": 2}
    two = client.v1.subscriptions.update(sub["id"], {"items": [extra], "proration_behavior": "none"})
    assert len(two["items"]["data"]) == 2
    one = client.v1.subscriptions.update(sub["id"], {"items": [{"id": first, "deleted": True}]})
    assert [item.quantity for item in one["items"]["data"]] == [2]
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        client.v1.subscriptions.update(sub["id"], {"items": [{"id": one["items"]["data"][0].id, "deleted": True}]})
    assert len(fake.subscriptions[sub["id"]]["items"]["data"]) == 1


def test_trial_is_ended_or_moved_by_an_update(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake, trial_end=fake.clock.timestamp() + 10 * DAY)
    later = fake.clock.timestamp() + 20 * DAY
    moved = client.v1.subscriptions.update(sub["id"], {"trial_end": later})
    assert (moved.trial_end, moved["items"]["data"][0].current_period_end) == (later, later)
    ended = client.v1.subscriptions.update(sub["id"], {"trial_end": "now"})
    assert ended.status == "active"
    assert fake.invoices[str(ended.latest_invoice)]["amount_paid"] == 1000


def test_paused_collection_resumes_by_itself(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake)
    resumes = fake.clock.timestamp() + 40 * DAY
    pause: Any = {"behavior": "keep_as_draft", "resumes_at": resumes}
    client.v1.subscriptions.update(sub["id"], {"pause_collection": pause})
    fake.clock.advance(days=35)
    assert fake.invoices[fake.subscriptions[sub["id"]]["latest_invoice"]]["status"] == "draft"
    fake.clock.advance(days=6)
    assert fake.subscriptions[sub["id"]]["pause_collection"] is None


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"items": []}, "items"),
        ({"payment_behavior": "hope"}, "payment_behavior"),
        ({"trial_end": 5}, "in the future"),
        ({"items": [{"quantity": 1}]}, "price"),
        ({"default_payment_method": "pm_nope"}, "does not have a payment method"),
    ],
)
def test_impossible_subscription_is_refused(fake: FakeStripe, params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StripeFailure, match=complaint):
        subscription(fake, **params)
    assert fake.subscriptions == {}


def test_one_time_price_is_no_subscription(fake: FakeStripe, client: stripe.StripeClient) -> None:
    once = client.v1.prices.create({"product_data": {"name": "Mug"}, "currency": "aud", "unit_amount": 900})
    with pytest.raises(StripeFailure, match="type=recurring"):
        subscription(fake, items=[{"price": once.id}])


def test_invoice_by_hand_is_drafted_finalized_and_voided(
    fake: FakeStripe, client: stripe.StripeClient, customer: str
) -> None:
    client.v1.invoice_items.create({"customer": customer, "pricing": {"price": fake.price}, "quantity": 3})
    spare = client.v1.invoice_items.create({"customer": customer, "amount": 5, "currency": "aud"})
    client.v1.invoice_items.delete(spare.id)
    draft = client.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    client.v1.invoice_items.create({"customer": customer, "amount": 45, "currency": "aud", "invoice": draft.id})
    client.v1.invoices.update(draft.id, {"description": "by hand", "metadata": {"a": "b"}})
    final = client.v1.invoices.finalize_invoice(draft.id, {"expand": ["confirmation_secret", "payments"]})
    assert (final.status, final.amount_due) == ("open", 3045)
    assert final.confirmation_secret is not None
    assert len(client.v1.invoices.line_items.list(draft.id).data) == 2
    assert client.v1.invoices.void_invoice(draft.id).status == "void"
    assert client.v1.invoice_payments.list({"invoice": draft.id}).data[0].status == "canceled"
    assert fake.events_of("payment_intent.canceled") != []
    with pytest.raises(stripe.InvalidRequestError, match="already void"):
        client.v1.invoices.pay(draft.id)
    with pytest.raises(stripe.InvalidRequestError, match="already finalized"):
        client.v1.invoices.finalize_invoice(draft.id)


def test_uncollectible_invoice_can_still_be_paid(fake: FakeStripe, client: stripe.StripeClient, customer: str) -> None:
    client.v1.invoice_items.create({"customer": customer, "amount": 700, "currency": "aud"})
    invoice = client.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    client.v1.invoices.finalize_invoice(invoice.id)
    client.v1.invoices.mark_uncollectible(invoice.id)
    assert [one.id for one in client.v1.invoices.list({"status": "uncollectible"}).data] == [invoice.id]
    assert client.v1.invoices.pay(invoice.id).status == "paid"
    payment = client.v1.invoice_payments.list({"invoice": invoice.id}).data[0]
    assert client.v1.invoice_payments.retrieve(payment.id).amount_paid == 700


def test_declined_payment_of_an_invoice_is_402(fake: FakeStripe, client: stripe.StripeClient, customer: str) -> None:
    client.v1.invoice_items.create({"customer": customer, "amount": 700, "currency": "aud"})
    invoice = client.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    fake.cards.decline(fake.customers[customer]["invoice_settings"]["default_payment_method"], "expired_card")
    with pytest.raises(stripe.CardError) as declined:
        client.v1.invoices.pay(invoice.id)
    assert declined.value.code == "expired_card"
    assert fake.invoices[invoice.id]["attempt_count"] == 1


def test_automatic_draft_advances_and_a_plain_one_can_be_deleted_or_sent(
    fake: FakeStripe, client: stripe.StripeClient, customer: str
) -> None:
    drafts = [client.v1.invoices.create({"customer": customer, "auto_advance": auto}) for auto in (True, False, False)]
    fake.clock.advance(hours=2)
    client.v1.invoices.delete(drafts[1].id)
    client.v1.invoices.send_invoice(drafts[2].id)
    assert fake.invoices[drafts[0].id]["status"] == "paid"
    assert drafts[1].id not in fake.invoices
    with pytest.raises(stripe.InvalidRequestError, match="one-off draft"):
        client.v1.invoices.delete(drafts[0].id)


def test_invoices_are_listed_by_subscription(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub, _ = subscription(fake), subscription(fake)
    listed = client.v1.invoices.list({"subscription": sub["id"]})
    assert [one.id for one in listed.data] == [sub["latest_invoice"]]


def test_payment_intent_succeeds_is_declined_or_canceled(fake: FakeStripe, client: stripe.StripeClient) -> None:
    base: Any = {"amount": 500, "currency": "aud"}
    paid = client.v1.payment_intents.create(base | {"payment_method": "pm_card_visa", "confirm": True})
    assert paid.status == "succeeded"
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(base | {"payment_method": "pm_card_chargeCustomerFail", "confirm": True})
    failed: Any = declined.value.error
    assert failed.payment_intent.status == "requires_payment_method"
    waiting = client.v1.payment_intents.create(base)
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(waiting.id)
    assert client.v1.payment_intents.cancel(waiting.id).status == "canceled"
    assert len(client.v1.payment_intents.list().data) == 3
    with pytest.raises(stripe.InvalidRequestError, match="cannot be confirmed"):
        client.v1.payment_intents.confirm(paid.id)


def test_setup_intent_saves_a_card(fake: FakeStripe, client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create()
    setup = client.v1.setup_intents.create({"customer": customer.id})
    done = client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_authenticationRequiredOnSetup"})
    assert done.status == "succeeded"
    assert fake.payment_methods[str(done.payment_method)]["customer"] == customer.id
    at_once: Any = {"customer": customer.id, "payment_method": "pm_card_visa", "confirm": True}
    assert client.v1.setup_intents.create(at_once).status == "succeeded"


def test_charge_is_refunded_in_parts_and_never_more(fake: FakeStripe, client: stripe.StripeClient) -> None:
    subscription(fake)
    charge = next(iter(fake.charges))
    client.v1.charges.update(charge, {"description": "first", "metadata": {"a": "b"}})
    part = client.v1.refunds.create({"charge": charge, "amount": 400})
    client.v1.refunds.update(part.id, {"metadata": {"why": "sorry"}})
    intent = str(client.v1.charges.retrieve(charge).payment_intent)
    client.v1.refunds.create({"payment_intent": intent})
    shown: Any = client.v1.charges.retrieve(charge, {"expand": ["refunds"]})
    assert (shown.refunded, [one.amount for one in shown.refunds.data]) == (True, [600, 400])
    assert len(client.v1.refunds.list({"charge": charge}).data) == 2
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        client.v1.refunds.create({"charge": charge})


def test_dispute_is_answered_won_and_lost(fake: FakeStripe, client: stripe.StripeClient) -> None:
    for _ in range(3):
        subscription(fake)
    opened = [fake.control.open_dispute(charge=charge)["id"] for charge in fake.charges]
    text: Any = {"uncategorized_text": "they used it"}
    answered = client.v1.disputes.update(opened[0], {"evidence": text, "submit": True, "metadata": {"a": "b"}})
    assert answered.status == "under_review"
    fake.control.move_dispute(dispute=opened[0], status="won")
    assert fake.events_of("charge.dispute.funds_reinstated") != []
    losing: Any = {"uncategorized_text": "losing_evidence"}
    assert client.v1.disputes.update(opened[1], {"evidence": losing}).status == "lost"
    assert client.v1.disputes.close(opened[2]).status == "lost"
    assert len(client.v1.disputes.list().data) == 3
    with pytest.raises(stripe.InvalidRequestError, match="already lost"):
        client.v1.disputes.close(opened[2])


def test_inquiry_moves_money_only_when_it_becomes_a_chargeback(fake: FakeStripe) -> None:
    for _ in range(2):
        subscription(fake)
    first, second = (fake.control.open_dispute(charge=one, inquiry=True)["id"] for one in fake.charges)
    assert fake.events_of("charge.dispute.funds_withdrawn") == []
    fake.control.move_dispute(dispute=first, status="warning_closed")
    assert fake.charges[fake.disputes[first]["charge"]]["disputed"] is False
    fake.control.move_dispute(dispute=second, status="needs_response")
    assert len(fake.events_of("charge.dispute.funds_withdrawn")) == 1


def test_coupons_for_ever_for_months_and_by_amount(fake: FakeStripe, client: stripe.StripeClient) -> None:
    forever = client.v1.coupons.create({"percent_off": 10, "duration": "forever", "id": "TENOFF"})
    months = client.v1.coupons.create(
        {"amount_off": 300, "currency": "aud", "duration": "repeating", "duration_in_months": 2}
    )
    sub = subscription(fake, discounts=[{"coupon": forever.id}, {"coupon": months.id}])
    fake.clock.advance(days=95)
    paid = [event["data"]["object"]["amount_paid"] for event in fake.events_of("invoice.paid")]
    assert paid == [600, 600, 900, 900]
    cleared = client.v1.subscriptions.update(sub["id"], {"discounts": ""})
    assert cleared.discounts == []
    client.v1.coupons.delete(forever.id)
    assert client.v1.coupons.retrieve(months.id).times_redeemed == 1
    assert len(client.v1.coupons.list().data) == 2


def test_promotion_code_can_be_switched_off(fake: FakeStripe, client: stripe.StripeClient) -> None:
    coupon = client.v1.coupons.create({"percent_off": 50, "duration": "once"})
    promotion: Any = {"type": "coupon", "coupon": coupon.id}
    code = client.v1.promotion_codes.create({"promotion": promotion, "code": "HALF"})
    assert client.v1.promotion_codes.list({"code": "HALF"}).data[0].id == code.id
    client.v1.promotion_codes.update(code.id, {"active": False})
    with pytest.raises(StripeFailure, match="inactive"):
        subscription(fake, discounts=[{"promotion_code": code.id}])
    assert client.v1.promotion_codes.retrieve(code.id).active is False


def test_webhook_endpoint_is_changed_and_listed(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made = client.v1.webhook_endpoints.create(
        {
            "url": "http://127.0.0.1:9/a",
            "enabled_events": ["*"],
            "metadata": {"a": "b"},
            "api_version": "2025-03-31.basil",
        }
    )
    changed = client.v1.webhook_endpoints.update(
        made.id, {"disabled": True, "enabled_events": ["charge.succeeded"], "description": "off"}
    )
    assert (changed.status, changed.enabled_events) == ("disabled", ["charge.succeeded"])
    assert len(client.v1.webhook_endpoints.list().data) == 1


def test_account_answers_who_it_is(fake: FakeStripe, client: stripe.StripeClient) -> None:
    account = client.v1.accounts.retrieve_current()
    assert (account.id, account.country) == (fake.sandbox.account_id, "AU")
