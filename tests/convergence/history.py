"""A true history: customers of fake Stripe live through whatever the random source draws, many things in one second."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.fake_stripe.errors import Json, StripeFailure

USERS = range(1, 6)
CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_chargeCustomerFail")
# Mostly no time at all: what happens in one second is what is hard.
PAUSES = (0, 0, 0, 1, 3600, 3 * 86400, 32 * 86400)


@dataclass
class History:
    """One account with what happened in it; `unnamed` customers do not name their user at Stripe."""

    random: Random
    fake: FakeStripe
    unnamed: list[str] = field(default_factory=list)

    def live(self, steps: int) -> None:
        """Let so many things happen."""
        self.sign_up()
        for _ in range(steps):
            try:
                self.random.choice(ACTIONS)(self)
            except StripeFailure:
                continue  # Stripe refuses what makes no sense at the moment: nothing happened
            self.fake.clock.advance(seconds=self.random.choice(PAUSES))

    def sign_up(self) -> None:
        """A customer comes, with or without a card, named or not."""
        named = self.random.random() < 0.8
        metadata = {"user_id": str(self.random.choice(USERS))} if named else {}
        customer = self._call("POST", "/v1/customers", email="jenny@example.com", metadata=metadata)
        if not named:
            self.unnamed.append(customer["id"])
        if self.random.random() < 0.9:
            self._attach(customer["id"])

    def subscribe(self) -> None:
        items = [{"price": self.fake.price, "quantity": self.random.randint(1, 3)}]
        self._call("POST", "/v1/subscriptions", customer=self._some("customer"), items=items)

    def change_subscription(self) -> None:
        changes: list[dict[str, Any]] = [
            {"cancel_at_period_end": self.random.random() < 0.5},
            {"metadata": {"note": str(self.random.random())}},
            {"default_payment_method": self._some("payment_method")},
        ]
        self._call("POST", f"/v1/subscriptions/{self._some('subscription')}", **self.random.choice(changes))

    def cancel(self) -> None:
        self._call("DELETE", f"/v1/subscriptions/{self._some('subscription')}")

    def replace_card(self) -> None:
        self._attach(self._some("customer"))

    def detach_card(self) -> None:
        self._call("POST", f"/v1/payment_methods/{self._some('payment_method')}/detach")

    def spoil_card(self) -> None:
        self.fake.cards.decline(self._some("payment_method"))

    def mend_card(self) -> None:
        self.fake.cards.accept(self._some("payment_method"))

    def pay(self) -> None:
        self._call("POST", f"/v1/invoices/{self._some('invoice')}/pay")

    def void(self) -> None:
        self._call("POST", f"/v1/invoices/{self._some('invoice')}/void")

    def write_off(self) -> None:
        self._call("POST", f"/v1/invoices/{self._some('invoice')}/mark_uncollectible")

    def draft_and_delete(self) -> None:
        draft = self._call("POST", "/v1/invoices", customer=self._some("customer"))
        if self.random.random() < 0.5:
            self._call("DELETE", f"/v1/invoices/{draft['id']}")

    def refund(self) -> None:
        self._call("POST", "/v1/refunds", charge=self._some("charge"), amount=self.random.choice((100, 1000)))

    def dispute(self) -> None:
        self.fake.control.open_dispute(charge=self._some("charge"))

    def move_dispute(self) -> None:
        status = self.random.choice(("under_review", "won", "lost"))
        self.fake.control.move_dispute(dispute=self._some("dispute"), status=status)

    def leave(self) -> None:
        if self.random.random() < 0.3:
            self._call("DELETE", f"/v1/customers/{self._some('customer')}")

    def _attach(self, customer: str) -> None:
        method = self._call("POST", f"/v1/payment_methods/{self.random.choice(CARDS)}/attach", customer=customer)
        if self.random.random() < 0.8:
            chosen = {"default_payment_method": method["id"]}
            self._call("POST", f"/v1/customers/{customer}", invoice_settings=chosen)

    def _some(self, kind: str) -> str:
        ids = sorted(self.fake.state[kind])
        if not ids:
            raise StripeFailure(404, "invalid_request_error", f"no {kind} yet")
        return self.random.choice(ids)

    def _call(self, method: str, path: str, **params: Any) -> Json:
        return call(self.fake, method, path, **params)


ACTIONS: tuple[Callable[[History], None], ...] = (
    History.sign_up,
    History.subscribe,
    History.subscribe,
    History.subscribe,
    History.change_subscription,
    History.change_subscription,
    History.cancel,
    History.replace_card,
    History.detach_card,
    History.spoil_card,
    History.mend_card,
    History.pay,
    History.void,
    History.write_off,
    History.draft_and_delete,
    History.refund,
    History.refund,
    History.dispute,
    History.move_dispute,
    History.leave,
)
