"""Invoice items: amounts waiting for the next invoice."""

from tests.fake_stripe.billing.lines import pricing_of
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create an item from an amount or a price."""
    params = call.params
    customer = sandbox.customer(params.required("customer"), "customer")
    price_id = params.text("price") or params.nested("pricing").text("price")
    price = sandbox.state.get("price", price_id, "price") if price_id else None
    quantity = params.integer("quantity", 1) or 1
    amount = params.integer("amount")
    if amount is None:
        if price is None:
            raise invalid("You must pass either `amount` or a `price`.", param="amount")
        amount = price["unit_amount"] * quantity
    item = new_item(
        sandbox,
        customer=customer["id"],
        amount=amount,
        currency=(price or {}).get("currency") or params.text("currency") or "aud",
        description=params.text("description"),
        price=price,
        quantity=quantity,
    )
    item["metadata"] = params.metadata()
    item["invoice"] = params.text("invoice")
    return item


def new_item(
    sandbox: Sandbox,
    *,
    customer: str,
    amount: int,
    currency: str,
    description: str | None,
    price: Json | None = None,
    quantity: int = 1,
    period: tuple[int, int] | None = None,
    subscription_details: Json | None = None,
) -> Json:
    """Keep a new invoice item and emit invoiceitem.created."""
    now = sandbox.clock.timestamp()
    start, end = period or (now, now)
    item = sandbox.new("invoiceitem", "ii", amount=amount, currency=currency.lower(), customer=customer)
    del item["created"]
    details = subscription_details or {}
    parent = {key: details[key] for key in ("subscription", "subscription_item") if key in details}
    item |= {
        "customer_account": None,
        "date": now,
        "description": description,
        "discountable": not details,
        "discounts": [],
        "invoice": None,
        "metadata": {},
        "net_amount": amount,
        "parent": {"subscription_details": parent, "type": "subscription_details"} if parent else None,
        "period": {"start": start, "end": end},
        "pricing": pricing_of(price),
        "proration": bool(details.get("proration")),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": None,
    }
    links = details | {"invoice_item": item["id"]} if details else None
    item[LINKS] = {"price": price, "subscription_details": links}
    sandbox.state.add(item)
    sandbox.emit("invoiceitem.created", item)
    return item


def delete(sandbox: Sandbox, call: Call) -> Json:
    """Delete a pending item."""
    item = sandbox.state.get("invoiceitem", call.id)
    del sandbox.state.tables["invoiceitem"][call.id]
    sandbox.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List items by customer, invoice or whether they wait."""
    found = list(sandbox.state.all("invoiceitem"))
    if call.params.boolean("pending"):
        found = [item for item in found if item["invoice"] is None]
    return page(call, found, equal=["customer", "invoice"])


ROUTES = [
    Route("POST", "/v1/invoiceitems", create),
    Route("GET", "/v1/invoiceitems", list_all),
    Route("GET", "/v1/invoiceitems/{id}", lambda sandbox, call: sandbox.state.get("invoiceitem", call.id)),
    Route("DELETE", "/v1/invoiceitems/{id}", delete),
]
