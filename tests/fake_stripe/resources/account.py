"""The account itself, and tokens for cards."""

from tests.fake_stripe.cards import BY_NUMBER
from tests.fake_stripe.errors import Json, decline_error
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox


def retrieve(sandbox: Sandbox, call: Call) -> Json:
    """Return the account."""
    return {
        "id": sandbox.account_id,
        "object": "account",
        "business_profile": None,
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "AU",
        "default_currency": "aud",
        "details_submitted": True,
        "email": "billing@ai-resume.example",
        "payouts_enabled": True,
        "settings": None,
        "type": "standard",
    }


def create_token(sandbox: Sandbox, call: Call) -> Json:
    """Turn a test card number into a token."""
    card = call.params.nested("card")
    number = card.required("number")
    if number not in BY_NUMBER:
        raise decline_error("incorrect_number", param="number")
    made_from = BY_NUMBER[number]
    token = sandbox.new("token", "tok", client_ip="127.0.0.1", type="card", used=False)
    token["card"] = {
        "id": sandbox.ids.new("card"),
        "object": "card",
        "brand": made_from.brand.title(),
        "country": "AU",
        "exp_month": card.integer("exp_month", 12),
        "exp_year": card.integer("exp_year", sandbox.clock.datetime().year + 2),
        "funding": made_from.funding,
        "last4": made_from.last4,
        "metadata": {},
    }
    sandbox.cards.made_from[token["id"]] = made_from
    return sandbox.state.add(token)


ROUTES = [
    Route("GET", "/v1/account", retrieve),
    Route("POST", "/v1/tokens", create_token),
    Route("GET", "/v1/tokens/{id}", lambda sandbox, call: sandbox.state.get("token", call.id)),
]
