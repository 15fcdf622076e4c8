"""Coupons and promotion codes."""

from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create a coupon with percent_off or amount_off."""
    params = call.params
    percent = params.text("percent_off")
    amount = params.integer("amount_off")
    if (percent is None) == (amount is None):
        raise invalid("You must pass exactly one of `percent_off` and `amount_off`.")
    coupon = sandbox.new("coupon", "seed")
    coupon |= {
        "id": params.text("id") or sandbox.ids.tail(8),
        "amount_off": amount,
        "currency": params.text("currency"),
        "duration": params.text("duration") or "once",
        "duration_in_months": params.integer("duration_in_months"),
        "max_redemptions": params.integer("max_redemptions"),
        "metadata": params.metadata(),
        "name": params.text("name"),
        "percent_off": float(percent) if percent is not None else None,
        "redeem_by": params.integer("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    sandbox.state.add(coupon)
    sandbox.emit("coupon.created", coupon)
    return coupon


def delete(sandbox: Sandbox, call: Call) -> Json:
    """Delete a coupon; discounts already given stay."""
    coupon = sandbox.state.get("coupon", call.id)
    coupon["valid"] = False
    sandbox.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def create_promotion(sandbox: Sandbox, call: Call) -> Json:
    """Create a promotion code for a coupon."""
    params = call.params
    coupon_id = params.text("coupon") or params.nested("promotion").required("coupon")
    sandbox.state.get("coupon", coupon_id, "promotion[coupon]")
    promotion = sandbox.new("promotion_code", "promo")
    promotion |= {
        "active": params.boolean("active", default=True),
        "code": params.text("code") or sandbox.ids.tail(8).upper(),
        "customer": params.text("customer"),
        "customer_account": None,
        "expires_at": params.integer("expires_at"),
        "max_redemptions": params.integer("max_redemptions"),
        "metadata": params.metadata(),
        "promotion": {"coupon": coupon_id, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
    }
    sandbox.state.add(promotion)
    sandbox.emit("promotion_code.created", promotion)
    return promotion


def update_promotion(sandbox: Sandbox, call: Call) -> Json:
    """Switch a promotion code on or off."""
    promotion = sandbox.state.get("promotion_code", call.id)
    with sandbox.changing(promotion):
        promotion["active"] = call.params.boolean("active", promotion["active"])
        promotion["metadata"] = call.params.metadata(promotion["metadata"])
    return promotion


ROUTES = [
    Route("POST", "/v1/coupons", create),
    Route("GET", "/v1/coupons", lambda sandbox, call: page(call, sandbox.state.all("coupon"))),
    Route("GET", "/v1/coupons/{id}", lambda sandbox, call: sandbox.state.get("coupon", call.id)),
    Route("DELETE", "/v1/coupons/{id}", delete),
    Route("POST", "/v1/promotion_codes", create_promotion),
    Route(
        "GET",
        "/v1/promotion_codes",
        lambda sandbox, call: page(call, sandbox.state.all("promotion_code"), equal=["code"]),
    ),
    Route("GET", "/v1/promotion_codes/{id}", lambda sb, call: sb.state.get("promotion_code", call.id)),
    Route("POST", "/v1/promotion_codes/{id}", update_promotion),
]
