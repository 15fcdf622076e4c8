"""Payment methods: cards made from test tokens and numbers, attached, replaced, detached."""

from collections.abc import Iterator

from tests.fake_stripe.cards import BY_NUMBER, TestCard, by_shortcut
from tests.fake_stripe.errors import Json, decline_error, invalid, no_such
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox

BILLING_KEYS = ("email", "name", "phone")
ADDRESS_KEYS = ("city", "country", "line1", "line2", "postal_code", "state")


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create a card from `card[token]` or `card[number]`."""
    if call.params.required("type") != "card":
        raise invalid("Only cards are accepted here.", param="type")
    card = call.params.nested("card")
    made_from = _named(sandbox, card)
    method = make(sandbox, made_from, call.params)
    if "exp_month" in card:
        method["card"]["exp_month"] = card.integer("exp_month")
        method["card"]["exp_year"] = card.integer("exp_year")
    return method


def _named(sandbox: Sandbox, card: Params) -> TestCard:
    token, number = card.text("token"), card.text("number")
    if token is not None:
        known = sandbox.state.tables["token"].get(token)
        found = by_shortcut(token) or (sandbox.cards.made_from.get(token) if known else None)
        if found is None:
            raise no_such("token", token, "card[token]")
        return found
    if number is None:
        raise invalid("Missing required param: card.", param="card", code="parameter_missing")
    if number not in BY_NUMBER:
        raise decline_error("incorrect_number", param="number")
    return BY_NUMBER[number]


def make(sandbox: Sandbox, made_from: TestCard, params: Params | None = None) -> Json:
    """Return a new unattached payment method made from a test card."""
    params = params or Params({})
    method = sandbox.new(
        "payment_method",
        "pm",
        allow_redisplay=params.text("allow_redisplay") or "unspecified",
        billing_details=_billing_details(params.nested("billing_details")),
        card=_card(sandbox, made_from),
        customer=None,
        customer_account=None,
        metadata=params.metadata(),
        type="card",
    )
    sandbox.cards.made_from[method["id"]] = made_from
    return sandbox.state.add(method)


def _card(sandbox: Sandbox, made_from: TestCard) -> Json:
    return {
        "brand": made_from.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "AU",
        "display_brand": made_from.brand,
        "exp_month": 11,
        "exp_year": sandbox.clock.datetime().year + 2,
        "fingerprint": sandbox.ids.tail(16),
        "funding": made_from.funding,
        "generated_from": None,
        "last4": made_from.last4,
        "networks": {"available": [made_from.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _billing_details(params: Params) -> Json:
    address = params.nested("address")
    details: Json = {key: params.text(key) for key in BILLING_KEYS}
    details["address"] = {key: address.text(key) for key in ADDRESS_KEYS}
    return details | {"tax_id": None}


def resolve(sandbox: Sandbox, method_id: str, param: str = "id") -> Json:
    """Return a payment method; `pm_card_visa` and the like make a new one each time."""
    shortcut = by_shortcut(method_id)
    if shortcut is not None:
        return make(sandbox, shortcut)
    return sandbox.state.get("payment_method", method_id, param)


def saveable(sandbox: Sandbox, method_id: str) -> Json:
    """Return a payment method whose bank lets it be saved (else 402)."""
    method = resolve(sandbox, method_id)
    decline = sandbox.cards.declines_attach(method["id"])
    if decline:
        raise decline_error(decline)
    return method


def attach_to(sandbox: Sandbox, method_id: str, customer: Json) -> Json:
    """Save a payment method to a customer; its bank may refuse (402)."""
    method = saveable(sandbox, method_id)
    if method["customer"] not in (None, customer["id"]):
        raise invalid("The payment method you provided has already been attached to a customer.")
    if method["customer"] is None:
        method["customer"] = customer["id"]
        sandbox.emit("payment_method.attached", method)
    return method


def attach(sandbox: Sandbox, call: Call) -> Json:
    """Save a payment method to the customer named in the request."""
    customer = sandbox.customer(call.params.required("customer"), "customer")
    return attach_to(sandbox, call.id, customer)


def detach(sandbox: Sandbox, call: Call) -> Json:
    """Take a payment method off its customer, and out of every place that defaulted to it."""
    method = resolve(sandbox, call.id)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message)
    owner = sandbox.customer(method["customer"])
    method["customer"] = None
    sandbox.emit("payment_method.detached", method, {"customer": owner["id"]})
    if owner["invoice_settings"]["default_payment_method"] == method["id"]:
        with sandbox.changing(owner):
            owner["invoice_settings"]["default_payment_method"] = None
    for sub in sandbox.state.where("subscription", default_payment_method=method["id"]):
        with sandbox.changing(sub):
            sub["default_payment_method"] = None
    return method


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change expiry, billing details or metadata of a saved card."""
    method = sandbox.state.get("payment_method", call.id)
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    card = call.params.nested("card")
    with sandbox.changing(method):
        for key in ("exp_month", "exp_year"):
            if key in card:
                method["card"][key] = card.integer(key)
        if "billing_details" in call.params:
            method["billing_details"] |= _sent(call.params.nested("billing_details"))
        method["metadata"] = call.params.metadata(method["metadata"])
    return method


def _sent(params: Params) -> Json:
    details = _billing_details(params)
    return {key: value for key, value in details.items() if key in params}


def retrieve(sandbox: Sandbox, call: Call) -> Json:
    """Return a payment method."""
    return sandbox.state.get("payment_method", call.id)


def retrieve_of_customer(sandbox: Sandbox, call: Call) -> Json:
    """Return a payment method by customer and ID."""
    method = sandbox.state.get("payment_method", call.ids[1])
    if method["customer"] != call.id:
        raise no_such("payment_method", call.ids[1])
    return method


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List saved payment methods, of one customer if asked."""
    return page(call, _attached(sandbox, call.params.text("customer")), equal=["type"])


def list_of_customer(sandbox: Sandbox, call: Call) -> Json:
    """List the payment methods of the customer in the path."""
    customer = sandbox.customer(call.id)
    return page(call, _attached(sandbox, customer["id"]), equal=["type"])


def _attached(sandbox: Sandbox, customer: str | None) -> Iterator[Json]:
    for method in sandbox.state.all("payment_method"):
        if method["customer"] is not None and customer in (None, method["customer"]):
            yield method


ROUTES = [
    Route("POST", "/v1/payment_methods", create),
    Route("GET", "/v1/payment_methods", list_all),
    Route("GET", "/v1/payment_methods/{id}", retrieve),
    Route("POST", "/v1/payment_methods/{id}", update),
    Route("POST", "/v1/payment_methods/{id}/attach", attach),
    Route("POST", "/v1/payment_methods/{id}/detach", detach),
    Route("GET", "/v1/customers/{id}/payment_methods", list_of_customer),
    Route("GET", "/v1/customers/{id}/payment_methods/{method}", retrieve_of_customer),
]
