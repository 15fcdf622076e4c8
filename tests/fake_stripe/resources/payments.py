"""Payment intents, setup intents and charges as the API shows them."""

from tests.fake_stripe.billing import collection
from tests.fake_stripe.billing.payments import Outcome, attempt, cancel_intent, new_intent
from tests.fake_stripe.billing.payments import failure_of as failure
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import page
from tests.fake_stripe.resources.payment_methods import attach_to, resolve
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS


def create_intent(sandbox: Sandbox, call: Call) -> Json:
    """Create a payment intent, confirming it at once if asked."""
    params = call.params
    amount = params.integer("amount")
    if amount is None:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    intent = new_intent(
        sandbox,
        amount=amount,
        currency=params.required("currency").lower(),
        customer=params.text("customer"),
        description=params.text("description"),
        metadata=params.metadata(),
        receipt_email=params.text("receipt_email"),
    )
    method = params.text("payment_method")
    if method is not None:
        intent["payment_method"] = resolve(sandbox, method, "payment_method")["id"]
        intent["status"] = "requires_confirmation"
    if params.boolean("confirm"):
        _confirm(sandbox, intent)
    return intent


def _confirm(sandbox: Sandbox, intent: Json) -> None:
    if intent["payment_method"] is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
    if intent["status"] in {"succeeded", "canceled"}:
        message = f"This PaymentIntent's status is {intent['status']} and it cannot be confirmed."
        raise invalid(message, code="payment_intent_unexpected_state")
    outcome = attempt(sandbox, intent, intent["payment_method"])
    invoice_id = intent[LINKS].get("invoice")
    if invoice_id is not None:
        _follow(sandbox, invoice_id, intent, outcome)
    if outcome.status == "declined":
        raise failure(sandbox, intent, outcome)


def _follow(sandbox: Sandbox, invoice_id: str, intent: Json, outcome: Outcome) -> None:
    invoice = sandbox.state.get("invoice", invoice_id)
    invoice[LINKS]["charge"] = intent["latest_charge"]
    if invoice["status"] == "open":
        collection.settle(sandbox, invoice, outcome)


def confirm_intent(sandbox: Sandbox, call: Call) -> Json:
    """Confirm a payment intent, with another payment method if one is sent."""
    intent = sandbox.state.get("payment_intent", call.id)
    method = call.params.text("payment_method")
    if method is not None:
        intent["payment_method"] = resolve(sandbox, method, "payment_method")["id"]
    _confirm(sandbox, intent)
    return intent


def authenticate(sandbox: Sandbox, intent_id: str) -> Json:
    """Do what a customer does who passes 3D Secure: the intent goes on to be charged."""
    intent = sandbox.state.get("payment_intent", intent_id)
    if intent["status"] != "requires_action":
        raise invalid(f"Nothing to authenticate: the intent is {intent['status']}.")
    sandbox.cards.authenticated.add(intent["payment_method"])
    _confirm(sandbox, intent)
    return intent


def cancel(sandbox: Sandbox, call: Call) -> Json:
    """Cancel a payment intent."""
    intent = sandbox.state.get("payment_intent", call.id)
    cancel_intent(sandbox, intent, call.params.text("cancellation_reason"))
    return intent


def create_setup(sandbox: Sandbox, call: Call) -> Json:
    """Create a setup intent, confirming it at once if asked."""
    params = call.params
    setup = sandbox.new("setup_intent", "seti", customer=params.text("customer"))
    nothing = (
        "application",
        "automatic_payment_methods",
        "cancellation_reason",
        "customer_account",
        "excluded_payment_method_types",
        "flow_directions",
        "last_setup_error",
        "latest_attempt",
        "mandate",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "single_use_mandate",
    )
    setup |= dict.fromkeys(nothing) | {
        "client_secret": sandbox.ids.secret(setup["id"]),
        "description": params.text("description"),
        "metadata": params.metadata(),
        "payment_method_options": {"card": {"mandate_options": None, "network": None}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        "usage": params.text("usage") or "off_session",
    }
    sandbox.state.add(setup)
    sandbox.emit("setup_intent.created", setup)
    method = params.text("payment_method")
    if method is not None:
        setup["payment_method"] = resolve(sandbox, method, "payment_method")["id"]
        setup["status"] = "requires_confirmation"
    if params.boolean("confirm"):
        _confirm_setup(sandbox, setup)
    return setup


def confirm_setup(sandbox: Sandbox, call: Call) -> Json:
    """Confirm a setup intent: the card is checked and saved to the customer."""
    setup = sandbox.state.get("setup_intent", call.id)
    method = call.params.text("payment_method")
    if method is not None:
        setup["payment_method"] = resolve(sandbox, method, "payment_method")["id"]
    _confirm_setup(sandbox, setup)
    return setup


def _confirm_setup(sandbox: Sandbox, setup: Json) -> None:
    method = setup["payment_method"]
    if method is None:
        raise invalid("You cannot confirm this SetupIntent because it's missing a payment method.")
    if setup["customer"] is not None:
        attach_to(sandbox, method, sandbox.customer(setup["customer"]))
    setup["status"] = "succeeded"
    sandbox.cards.authenticated.add(method)
    sandbox.emit("setup_intent.succeeded", setup)


def update_charge(sandbox: Sandbox, call: Call) -> Json:
    """Change a charge's metadata or description."""
    charge = sandbox.state.get("charge", call.id)
    with sandbox.changing(charge):
        charge["metadata"] = call.params.metadata(charge["metadata"])
        if "description" in call.params:
            charge["description"] = call.params.text("description")
    return charge


def list_intents(sandbox: Sandbox, call: Call) -> Json:
    """List payment intents, of one customer if asked."""
    return page(call, sandbox.state.all("payment_intent"), equal=["customer"])


def list_charges(sandbox: Sandbox, call: Call) -> Json:
    """List charges by customer or intent."""
    return page(call, sandbox.state.all("charge"), equal=["customer", "payment_intent"])


ROUTES = [
    Route("POST", "/v1/payment_intents", create_intent),
    Route("GET", "/v1/payment_intents", list_intents),
    Route("GET", "/v1/payment_intents/{id}", lambda sb, call: sb.state.get("payment_intent", call.id)),
    Route("POST", "/v1/payment_intents/{id}/confirm", confirm_intent),
    Route("POST", "/v1/payment_intents/{id}/cancel", cancel),
    Route("POST", "/v1/setup_intents", create_setup),
    Route("GET", "/v1/setup_intents/{id}", lambda sb, call: sb.state.get("setup_intent", call.id)),
    Route("POST", "/v1/setup_intents/{id}/confirm", confirm_setup),
    Route("GET", "/v1/charges", list_charges),
    Route("GET", "/v1/charges/{id}", lambda sb, call: sb.state.get("charge", call.id)),
    Route("POST", "/v1/charges/{id}", update_charge),
]
