"""One customer from the first card to the end, told to fake Stripe by Stripe's own SDK and its clock."""

import time
from collections.abc import Iterator
from typing import Any

import stripe

from billing_core.shapes import USER_KEY
from tests.fake_stripe import FakeStripe, FakeStripeClient

# Fake Stripe's clock starts 40 days ago, so that a month, the retry after three days, and the two days to the
# dispute end before now.
_RETRIES_IN_REAL_TIME = (1, 2, 4, 8, 16)  # s; Stripe's own begin with minutes, on a clock that we move

_HOUR = 3600


class Story:
    """A customer's subscription of 10 AUD a month, with everything that can happen to it."""

    def __init__(self, api_base: str, user_id: int) -> None:
        self._stripe = stripe.StripeClient(FakeStripe.api_key, base_addresses={"api": api_base}, max_network_retries=2)
        self._fake = FakeStripeClient(api_base)
        self._fake.set_delivery(retry_on_real_time=True, retry_schedule=_RETRIES_IN_REAL_TIME)
        self._user_id = user_id

    def play(self) -> Iterator[str]:
        """Do one thing after the other; yield what was done after each, all its webhooks answered."""
        for chapter in self._chapters():
            self._fake.wait_until_delivered(timeout=60)
            yield chapter

    def _chapters(self) -> Iterator[str]:
        customer = self._sign_up()
        yield f"a customer of user {self._user_id} signs up and saves a card"
        subscription = self._stripe.v1.subscriptions.create(
            {"customer": customer, "items": [{"price": FakeStripe.price}]}
        ).id
        yield "subscribes for 10 AUD a month, and pays the first invoice"
        old_card = self._default_card(customer)
        self._fake.decline_card(old_card, "insufficient_funds")
        self._let_a_month_pass(subscription)
        yield "a month passes; the renewal fails, since the card is declined"
        self._replace_card(customer, old_card)
        yield "replaces the card"
        invoice = self._wait_for_retry(subscription)
        yield "Stripe tries again and recovers the payment"
        self._fake.advance(days=2)
        self._fake.open_dispute(self._charge_of(invoice))
        yield "the bank disputes the charge"
        self._fake.advance(seconds=max(0.0, time.time() - self._now()))
        self._stripe.v1.subscriptions.cancel(subscription)
        yield "cancels"

    def _sign_up(self) -> str:
        customer = self._stripe.v1.customers.create(
            {"name": "Ada Example", "email": "ada@example.com", "metadata": {USER_KEY: str(self._user_id)}}
        ).id
        self._save_card(customer, "pm_card_visa")
        return customer

    def _save_card(self, customer: str, card: str) -> None:
        """Attach a test card to the customer and let invoices be paid with it."""
        saved = self._stripe.v1.payment_methods.attach(card, {"customer": customer})
        self._stripe.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": saved.id}})

    def _replace_card(self, customer: str, old_card: str) -> None:
        self._fake.advance(hours=8)
        self._save_card(customer, "pm_card_mastercard")
        self._fake.advance(seconds=30)
        self._stripe.v1.payment_methods.detach(old_card)

    def _let_a_month_pass(self, subscription: str) -> None:
        """Move to where Stripe, about an hour into the new period, has tried to collect the renewal."""
        period_end = self._stripe.v1.subscriptions.retrieve(subscription).items.data[0].current_period_end
        self._advance_to(period_end + 2 * _HOUR)

    def _wait_for_retry(self, subscription: str) -> str:
        """Move to where Stripe tries again by its own schedule; return the invoice."""
        invoice = self._object("subscription", subscription)["latest_invoice"]
        self._advance_to(self._object("invoice", invoice)["next_payment_attempt"] + 1)
        return str(invoice)

    def _charge_of(self, invoice: str) -> str:
        """Return the charge that paid the invoice, found as the API has it: through its payment."""
        payments = self._stripe.v1.invoice_payments.list({"invoice": invoice, "status": "paid"})
        intent = self._stripe.v1.payment_intents.retrieve(str(payments.data[0].payment.payment_intent))
        return str(intent.latest_charge)

    def _default_card(self, customer: str) -> str:
        return str(self._object("customer", customer)["invoice_settings"]["default_payment_method"])

    def _object(self, kind: str, object_id: str) -> dict[str, Any]:
        return self._fake.state()[kind][object_id]

    def _advance_to(self, moment: float) -> None:
        # settle: what happened at an earlier moment is delivered before the next one comes, as in life.
        self._fake.advance(seconds=moment - self._now(), settle=True)

    def _now(self) -> float:
        return float(self._fake.run("time")["now"])
