"""Money: payment intents, the charges that try to fulfil them, and what the card's bank says."""

from dataclasses import dataclass
from typing import Any

from tests.fake_stripe.billing.charges import new_charge
from tests.fake_stripe.billing.disputing import open_dispute
from tests.fake_stripe.errors import DECLINE_MESSAGES, Json, StripeFailure, decline_error
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS


@dataclass(frozen=True)
class Outcome:
    """How an attempt to pay ended; `decline_code` when the bank said no."""

    status: str  # succeeded, requires_action or declined
    decline_code: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the money moved."""
        return self.status == "succeeded"


def new_intent(
    sandbox: Sandbox,
    *,
    amount: int,
    currency: str,
    customer: str | None = None,
    invoice: str | None = None,
    **fields: Any,
) -> Json:
    """Create a payment intent that nothing has been tried on yet."""
    intent = sandbox.new("payment_intent", "pi", amount=amount, currency=currency, customer=customer)
    intent |= _intent_defaults(sandbox, intent["id"]) | fields
    intent[LINKS] = {"invoice": invoice}
    sandbox.state.add(intent)
    sandbox.emit("payment_intent.created", intent)
    return intent


def _intent_defaults(sandbox: Sandbox, intent_id: str) -> Json:
    card_options = {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": "automatic",
    }
    nothing = (
        "application",
        "application_fee_amount",
        "automatic_payment_methods",
        "canceled_at",
        "cancellation_reason",
        "customer_account",
        "description",
        "excluded_payment_method_types",
        "last_payment_error",
        "latest_charge",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "processing",
        "receipt_email",
        "review",
        "setup_future_usage",
        "shipping",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    )
    return dict.fromkeys(nothing) | {
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": sandbox.ids.secret(intent_id),
        "confirmation_method": "automatic",
        "metadata": {},
        "payment_method_options": {"card": card_options},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def attempt(sandbox: Sandbox, intent: Json, method_id: str) -> Outcome:
    """Try to collect an intent from a payment method, with every event that follows."""
    method = sandbox.state.get("payment_method", method_id, "payment_method")
    if sandbox.cards.wants_authentication(method_id):
        return _ask_customer(sandbox, intent, method)
    decline = sandbox.cards.declines_charge(method_id)
    charge = new_charge(sandbox, intent, method, decline)
    intent["latest_charge"] = charge["id"]
    intent["next_action"] = None
    if decline:
        return _declined(sandbox, intent, method, charge, decline)
    return _succeeded(sandbox, intent, method, charge)


def _ask_customer(sandbox: Sandbox, intent: Json, method: Json) -> Outcome:
    intent["payment_method"] = method["id"]
    intent["status"] = "requires_action"
    source = sandbox.ids.new("src")
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"source": source}}
    sandbox.emit("payment_intent.requires_action", intent)
    return Outcome("requires_action")


def _declined(sandbox: Sandbox, intent: Json, method: Json, charge: Json, decline: str) -> Outcome:
    intent["payment_method"] = None
    intent["status"] = "requires_payment_method"
    failure = decline_error(decline, charge=charge["id"])
    intent["last_payment_error"] = failure.error | {"payment_method": dict(method)}
    sandbox.emit("charge.failed", charge)
    sandbox.emit("payment_intent.payment_failed", intent)
    return Outcome("declined", decline)


def _succeeded(sandbox: Sandbox, intent: Json, method: Json, charge: Json) -> Outcome:
    intent |= {
        "payment_method": method["id"],
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
    }
    sandbox.emit("charge.succeeded", charge)
    sandbox.emit("payment_intent.succeeded", intent)
    card = sandbox.cards.card(method["id"])
    if card.dispute:
        sandbox.afterwards(open_dispute, charge["id"], card.dispute, None, card.inquiry)
    return Outcome("succeeded")


def cancel_intent(sandbox: Sandbox, intent: Json, reason: str | None = None) -> None:
    """Give up on an intent that has not succeeded."""
    if intent["status"] in {"succeeded", "canceled"}:
        return
    now = sandbox.clock.timestamp()
    intent |= {"status": "canceled", "canceled_at": now, "cancellation_reason": reason, "next_action": None}
    sandbox.emit("payment_intent.canceled", intent)


def failure_of(sandbox: Sandbox, intent: Json, outcome: Outcome) -> StripeFailure:
    """Return the card_error that an API call answers when its payment did not succeed."""
    if outcome.status == "requires_action":
        return StripeFailure(
            402,
            "card_error",
            DECLINE_MESSAGES["authentication_required"],
            code="authentication_required",
            decline_code="authentication_required",
            payment_intent=intent,
        )
    return decline_error(
        outcome.decline_code or "generic_decline", charge=intent["latest_charge"], payment_intent=intent
    )
