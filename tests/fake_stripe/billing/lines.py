"""Invoice lines: a period of a subscription item, or an invoice item that waited."""

from tests.fake_stripe.errors import Json
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS


def subscription_line(sandbox: Sandbox, sub: Json, item: Json, *, trial: bool = False) -> Json:
    """Return the line of one subscription item for its current period."""
    start, end = item["current_period_start"], item["current_period_end"]
    price = item["price"]
    amount = 0 if trial else price["unit_amount"] * item["quantity"]
    name = sandbox.state.get("product", price["product"])["name"]
    price_text = f"at {price['unit_amount'] / 100:.2f} / {price['recurring']['interval']}"
    text = f"Trial period for {name}" if trial else f"{item['quantity']} x {name} ({price_text})"
    details = {"subscription": sub["id"], "subscription_item": item["id"], "proration": False}
    return _line(
        sandbox,
        amount=amount,
        currency=sub["currency"],
        description=text,
        price=price,
        quantity=item["quantity"],
        period=(start, end),
        details=details,
    )


def item_line(sandbox: Sandbox, invoiceitem: Json) -> Json:
    """Return the line that a pending invoice item becomes."""
    links = invoiceitem[LINKS]
    period = (invoiceitem["period"]["start"], invoiceitem["period"]["end"])
    details = links.get("subscription_details") or {"invoice_item": invoiceitem["id"], "proration": False}
    line = _line(
        sandbox,
        amount=invoiceitem["amount"],
        currency=invoiceitem["currency"],
        description=invoiceitem["description"],
        price=links.get("price"),
        quantity=invoiceitem["quantity"],
        period=period,
        details=details,
    )
    line["metadata"] = dict(invoiceitem["metadata"])
    return line


def _line(
    sandbox: Sandbox,
    *,
    amount: int,
    currency: str,
    description: str | None,
    price: Json | None,
    quantity: int,
    period: tuple[int, int],
    details: Json,
) -> Json:
    return {
        "id": sandbox.ids.new("il"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": not details["proration"],
        "discounts": [],
        "invoice": None,
        "livemode": sandbox.livemode,
        "metadata": {},
        "parent": _line_parent(details),
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": pricing_of(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": details.get("subscription"),
        "subtotal": amount,
        "taxes": [],
        LINKS: {"price": price},
    }


def _line_parent(details: Json) -> Json:
    common = {
        "invoice_item": details.get("invoice_item"),
        "proration": details["proration"],
        "proration_details": {"credited_items": None},
        "subscription": details.get("subscription"),
    }
    if "subscription_item" in details:
        inner = common | {"subscription_item": details["subscription_item"]}
        kind = "subscription_item_details"
        return {"invoice_item_details": None, kind: inner, "type": kind}
    return {
        "invoice_item_details": common,
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def pricing_of(price: Json | None) -> Json | None:
    """Return the `pricing` hash of a line or an invoice item."""
    if price is None:
        return None
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }
