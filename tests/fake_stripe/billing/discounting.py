"""Discounts: coupons applied to a subscription, for once, some months or ever."""

from tests.fake_stripe.billing.periods import boundary
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.sandbox import Sandbox

MONTHLY: Json = {"interval": "month", "interval_count": 1}


def requested(sandbox: Sandbox, params: Params) -> list[Json]:
    """Return new discounts for `discounts[]`, `coupon` or `promotion_code` of a request."""
    asked = [*params.each("discounts")]
    if "coupon" in params or "promotion_code" in params:
        asked.append(params)
    return [_discount(sandbox, one) for one in asked]


def _discount(sandbox: Sandbox, params: Params) -> Json:
    code = params.text("promotion_code")
    coupon_id = params.text("coupon") or ""
    if code is not None:
        promotion = sandbox.state.get("promotion_code", code, "promotion_code")
        if not promotion["active"]:
            raise invalid("This promotion code is inactive.", param="promotion_code")
        promotion["times_redeemed"] += 1
        coupon_id = promotion["promotion"]["coupon"]
    coupon = sandbox.state.get("coupon", coupon_id, "coupon")
    coupon["times_redeemed"] += 1
    start = sandbox.clock.timestamp()
    discount: Json = {
        "id": sandbox.ids.new("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": None,
        "customer_account": None,
        "end": _end(coupon, start),
        "invoice": None,
        "invoice_item": None,
        "promotion_code": code,
        "source": {"coupon": coupon_id, "type": "coupon"},
        "start": start,
        "subscription": None,
        "subscription_item": None,
    }
    return sandbox.state.add(discount)


def _end(coupon: Json, start: int) -> int | None:
    if coupon["duration"] != "repeating":
        return None
    return boundary(start, MONTHLY, coupon["duration_in_months"])


def give(sandbox: Sandbox, sub: Json, discounts: list[Json]) -> None:
    """Replace a subscription's discounts."""
    for discount in discounts:
        discount |= {"customer": sub["customer"], "subscription": sub["id"]}
        sandbox.emit("customer.discount.created", discount)
    sub["discounts"] = [discount["id"] for discount in discounts]


def take_off(sandbox: Sandbox, sub: Json, subtotal: int) -> list[Json]:
    """Return what each of the subscription's discounts takes off `subtotal`, spending those for once."""
    amounts: list[Json] = []
    left = max(subtotal, 0)
    for discount_id in list(sub["discounts"]):
        discount = sandbox.state.get("discount", discount_id)
        coupon = sandbox.state.get("coupon", discount["source"]["coupon"])
        if discount["end"] is not None and discount["end"] <= sandbox.clock.timestamp():
            sub["discounts"].remove(discount_id)
            continue
        amount = min(left, _off(coupon, left))
        left -= amount
        amounts.append({"amount": amount, "discount": discount_id})
        if coupon["duration"] == "once":
            sub["discounts"].remove(discount_id)
    return amounts


def _off(coupon: Json, amount: int) -> int:
    if coupon["percent_off"] is not None:
        share: float = coupon["percent_off"] / 100
        return round(amount * share)
    return int(coupon["amount_off"])
