"""Whether a subscription's first payment went through, and if not, what the customer has to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing_core.answers import Answer, Answers
from billing_core.commands.outcome import AUTHENTICATE, decline
from billing_core.kinds import INVOICE
from billing_core.stripe_api import StripeApi

# Invoice, its payments, and of each the intent with the bank's last answer, in one request.
# https://docs.stripe.com/api/invoices/object#invoice_object-payments
EXPANDED = ["payments.data.payment.payment_intent"]


@dataclass(frozen=True)
class PaymentTruth:
    """What is known of the payment.

    Attributes:
        invoice: the subscription's latest invoice, to be written too; none for a subscription without one.
        next_step: for the customer, or None if there is nothing to do.
        error: the bank's refusal, or None.
    """

    invoice: Answer | None
    next_step: str | None
    error: dict[str, Any] | None


def payment_truth(answers: Answers, subscription: Mapping[str, Any], request_id: str | None) -> PaymentTruth:
    """Ask Stripe about the subscription's latest invoice.

    Args:
        answers: to ask with.
        subscription: as Stripe holds it.
        request_id: Stripe's ID of the request that led to the payment, for the caller to name where it was declined.

    Raises:
        StripeUnavailable: no answer.
    """
    invoice_id = subscription.get("latest_invoice")
    invoice = answers.look(INVOICE, invoice_id, expand=EXPANDED) if invoice_id else None
    if subscription["status"] != "incomplete":
        return PaymentTruth(invoice, AUTHENTICATE if subscription.get("pending_setup_intent") else None, None)
    intent = _intent(invoice.obj) if invoice else {}
    if intent.get("status") == "requires_action":
        return PaymentTruth(invoice, AUTHENTICATE, None)
    failure = intent.get("last_payment_error")
    if not failure:
        return PaymentTruth(invoice, None, None)
    error = decline(failure.get("code"), failure.get("decline_code"), request_id)
    # The bank asks for the customer: the subscription waits for that, as incomplete as with 3D Secure from the start.
    if error["next_step"] == AUTHENTICATE:
        return PaymentTruth(invoice, AUTHENTICATE, None)
    return PaymentTruth(invoice, error["next_step"], error)


def client_secret(stripe: StripeApi, subscription: str) -> str | None:
    """Return the secret with which the customer's browser authenticates the payment, straight from Stripe.

    It is for the customer alone: never store or log it. None if there is nothing to authenticate.

    Args:
        stripe: to ask.
        subscription: its ID at Stripe.

    Raises:
        StripeUnavailable: no answer.
        StripeRefused: Stripe has no such subscription.
    """
    expand = ["latest_invoice.confirmation_secret", "pending_setup_intent"]
    found = stripe.fetch(f"/v1/subscriptions/{subscription}", expand=expand).obj
    if setup := found.get("pending_setup_intent"):
        return _text(setup.get("client_secret"))
    invoice = found.get("latest_invoice") or {}
    if invoice.get("status") != "open":
        return None
    return _text((invoice.get("confirmation_secret") or {}).get("client_secret"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _intent(invoice: Mapping[str, Any]) -> Mapping[str, Any]:
    payments = (invoice.get("payments") or {}).get("data") or []
    intents = [(one.get("payment") or {}).get("payment_intent") for one in payments]
    return next((intent for intent in intents if isinstance(intent, dict)), {})
