"""Stripe's test cards: what each looks like and what it does when checked or charged."""

from dataclasses import dataclass, field
from enum import StrEnum


class When(StrEnum):
    """At which step a card shows its behaviour."""

    NEVER = "never"
    ATTACH = "attach"  # declined when saved to a customer, and when charged
    CHARGE = "charge"  # saved without complaint, declined when charged


@dataclass(frozen=True)
class TestCard:
    """A test card. `decline` is the decline code, `dispute` the reason of the dispute it provokes."""

    __test__ = False  # pytest must not take it for a test class

    number: str
    brand: str = "visa"
    funding: str = "credit"
    when: When = When.NEVER
    decline: str | None = None
    three_d_secure: bool = False
    dispute: str | None = None
    inquiry: bool = False

    @property
    def last4(self) -> str:
        """The only digits that ever leave this module."""
        return self.number[-4:]


# Named as in pm_card_<name> and tok_<name>; numbers from Stripe's page on testing.
CARDS = {
    "visa": TestCard("4242424242424242"),
    "visa_debit": TestCard("4000056655665556", funding="debit"),
    "mastercard": TestCard("5555555555554444", brand="mastercard"),
    "mastercard_debit": TestCard("5200828282828210", brand="mastercard", funding="debit"),
    "amex": TestCard("378282246310005", brand="amex"),
    "discover": TestCard("6011111111111117", brand="discover"),
    "diners": TestCard("3056930009020004", brand="diners"),
    "jcb": TestCard("3566002020360505", brand="jcb"),
    "unionpay": TestCard("6200000000000005", brand="unionpay"),
    "au": TestCard("4000000360000006"),
    "chargeDeclined": TestCard("4000000000000002", when=When.ATTACH, decline="generic_decline"),
    "chargeDeclinedInsufficientFunds": TestCard("4000000000009995", when=When.ATTACH, decline="insufficient_funds"),
    "chargeDeclinedLostCard": TestCard("4000000000009987", when=When.ATTACH, decline="lost_card"),
    "chargeDeclinedStolenCard": TestCard("4000000000009979", when=When.ATTACH, decline="stolen_card"),
    "chargeDeclinedExpiredCard": TestCard("4000000000000069", when=When.ATTACH, decline="expired_card"),
    "chargeDeclinedIncorrectCvc": TestCard("4000000000000127", when=When.ATTACH, decline="incorrect_cvc"),
    "chargeDeclinedProcessingError": TestCard("4000000000000119", when=When.ATTACH, decline="processing_error"),
    "chargeCustomerFail": TestCard("4000000000000341", when=When.CHARGE, decline="generic_decline"),
    "authenticationRequired": TestCard("4000002760003184", three_d_secure=True),
    "authenticationRequiredOnSetup": TestCard("4000002500003155", three_d_secure=True),
    "threeDSecure2Required": TestCard("4000000000003220", three_d_secure=True),
    "threeDSecureRequired": TestCard("4000000000003063", three_d_secure=True),
    "createDispute": TestCard("4000000000000259", dispute="fraudulent"),
    "createDisputeProductNotReceived": TestCard("4000000000002685", dispute="product_not_received"),
    "createDisputeInquiry": TestCard("4000000000001976", dispute="general", inquiry=True),
}

SHORTCUT_PREFIXES = ("pm_card_visa_", "pm_card_", "tok_visa_", "tok_")

BY_NUMBER = {card.number: card for card in CARDS.values()}


def by_shortcut(name: str) -> TestCard | None:
    """Return the card meant by `pm_card_visa`, `tok_chargeDeclined` and the like."""
    tails = [name.removeprefix(prefix) for prefix in SHORTCUT_PREFIXES if name.startswith(prefix)]
    return next((CARDS[tail] for tail in tails if tail in CARDS), None)


@dataclass
class CardBehaviour:
    """Which test card each payment method was made from, and what the test has changed since."""

    made_from: dict[str, TestCard] = field(default_factory=dict)
    overrides: dict[str, str | None] = field(default_factory=dict)
    authenticated: set[str] = field(default_factory=set)

    def decline(self, payment_method: str, decline_code: str = "insufficient_funds") -> None:
        """Let every later charge of this payment method be declined."""
        self.overrides[payment_method] = decline_code

    def accept(self, payment_method: str) -> None:
        """Let every later charge of this payment method succeed."""
        self.overrides[payment_method] = None

    def card(self, payment_method: str) -> TestCard:
        """Return the test card behind a payment method; an unknown one is a plain Visa."""
        return self.made_from.get(payment_method, CARDS["visa"])

    def declines_charge(self, payment_method: str) -> str | None:
        """Return the decline code of a charge made now, or None if it succeeds."""
        if payment_method in self.overrides:
            return self.overrides[payment_method]
        return self.card(payment_method).decline

    def declines_attach(self, payment_method: str) -> str | None:
        """Return the decline code of saving this card to a customer, or None."""
        card = self.card(payment_method)
        return card.decline if card.when is When.ATTACH else None

    def wants_authentication(self, payment_method: str) -> bool:
        """Whether the bank asks for 3D Secure before this charge."""
        known = payment_method in self.authenticated or payment_method in self.overrides
        return self.card(payment_method).three_d_secure and not known
