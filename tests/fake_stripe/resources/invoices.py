"""Invoices and the payments made towards them."""

from tests.fake_stripe.billing import collection, cycle, drafting
from tests.fake_stripe.billing.lines import item_line
from tests.fake_stripe.billing.payments import failure_of
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import listed, page
from tests.fake_stripe.resources.payment_methods import resolve
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox

DAY = 86400


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create a draft, with the customer's pending items if asked to include them."""
    params = call.params
    customer = sandbox.customer(params.required("customer"), "customer")
    sub_id = params.text("subscription")
    sub = sandbox.state.get("subscription", sub_id, "subscription") if sub_id else None
    currency = params.text("currency") or customer["currency"] or "aud"
    items = _pending(sandbox, customer["id"]) if _includes(params) else []
    if items:
        currency = items[0]["currency"]
    lines = [item_line(sandbox, item) for item in items]
    automatic = params.boolean("auto_advance")
    finalizes = sandbox.clock.timestamp() + sandbox.settings.draft_seconds
    invoice = drafting.draft(
        sandbox,
        customer,
        lines,
        reason="manual",
        sub=sub,
        currency=currency,
        description=params.text("description"),
        metadata=params.metadata(),
        collection_method=params.text("collection_method") or "charge_automatically",
        default_payment_method=params.text("default_payment_method"),
        auto_advance=automatic,
        automatically_finalizes_at=finalizes if automatic else None,
        due_date=_due_date(sandbox, params),
    )
    if automatic:
        sandbox.at(finalizes, cycle.advance_draft, invoice["id"])
    return invoice


def _includes(params: Params) -> bool:
    return params.text("pending_invoice_items_behavior") == "include"


def _due_date(sandbox: Sandbox, params: Params) -> int | None:
    days = params.integer("days_until_due")
    return params.integer("due_date") or (sandbox.clock.timestamp() + days * DAY if days else None)


def _pending(sandbox: Sandbox, customer: str) -> list[Json]:
    return sandbox.state.where("invoiceitem", customer=customer, invoice=None)


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change a draft, or what may still change on a final invoice."""
    invoice = sandbox.state.get("invoice", call.id)
    with sandbox.changing(invoice):
        invoice["metadata"] = call.params.metadata(invoice["metadata"])
        for key in ("description", "default_payment_method", "footer"):
            if key in call.params:
                invoice[key] = call.params.text(key)
        invoice["auto_advance"] = call.params.boolean("auto_advance", invoice["auto_advance"])
    return invoice


def finalize(sandbox: Sandbox, call: Call) -> Json:
    """Finalize a draft."""
    invoice = sandbox.state.get("invoice", call.id)
    _gather_added(sandbox, invoice)
    collection.finalize(sandbox, invoice)
    if call.params.boolean("auto_advance") and invoice["status"] == "open":
        collection.collect(sandbox, invoice)
    return invoice


def _gather_added(sandbox: Sandbox, invoice: Json) -> None:
    """Take up the items that were created for this very draft."""
    known = {
        line["parent"][line["parent"]["type"]]["invoice_item"]
        for line in invoice["lines"]["data"]
        if line["parent"]["type"] == "invoice_item_details"
    }
    added = [item for item in sandbox.state.where("invoiceitem", invoice=invoice["id"]) if item["id"] not in known]
    if invoice["status"] == "draft" and added:
        lines = [item_line(sandbox, item) for item in added]
        drafting.put_lines(sandbox, invoice, invoice["lines"]["data"] + lines)


def pay(sandbox: Sandbox, call: Call) -> Json:
    """Try to pay an invoice now; a card that fails is answered with 402."""
    invoice = sandbox.state.get("invoice", call.id)
    if invoice["status"] == "draft":
        finalize(sandbox, Call("POST", call.path, Params({}), call.ids))
    if invoice["status"] == "paid" and invoice["amount_due"] == 0:
        return invoice
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(f"Invoice is already {invoice['status']}", code=f"invoice_already_{invoice['status']}")
    if call.params.boolean("paid_out_of_band"):
        collection.mark_paid(sandbox, invoice, amount=invoice["amount_due"], out_of_band=True)
        return invoice
    outcome = collection.collect(sandbox, invoice, _chosen(sandbox, call.params))
    intent = collection.intent_of(sandbox, invoice)
    if not outcome.succeeded and intent is not None:
        raise failure_of(sandbox, intent, outcome)
    return invoice


def _chosen(sandbox: Sandbox, params: Params) -> str | None:
    method = params.text("payment_method")
    return resolve(sandbox, method, "payment_method")["id"] if method else None


def void(sandbox: Sandbox, call: Call) -> Json:
    """Void an open invoice."""
    invoice = sandbox.state.get("invoice", call.id)
    collection.void(sandbox, invoice)
    return invoice


def mark_uncollectible(sandbox: Sandbox, call: Call) -> Json:
    """Mark an open invoice as bad debt."""
    invoice = sandbox.state.get("invoice", call.id)
    collection.mark_uncollectible(sandbox, invoice)
    return invoice


def send(sandbox: Sandbox, call: Call) -> Json:
    """Send an invoice to the customer, finalizing it first."""
    invoice = sandbox.state.get("invoice", call.id)
    if invoice["status"] == "draft":
        collection.finalize(sandbox, invoice)
    sandbox.emit("invoice.sent", invoice)
    return invoice


def delete(sandbox: Sandbox, call: Call) -> Json:
    """Delete a draft that belongs to no subscription."""
    invoice = sandbox.state.get("invoice", call.id)
    if invoice["status"] != "draft" or invoice["parent"]:
        raise invalid("You can only delete one-off draft invoices.")
    del sandbox.state.tables["invoice"][call.id]
    sandbox.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List invoices by customer, status, subscription or collection method."""
    sub = call.params.text("subscription")
    found = [invoice for invoice in sandbox.state.all("invoice") if sub in (None, _billed(invoice))]
    return page(call, found, equal=["customer", "status", "collection_method"])


def _billed(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    billed: str | None = details.get("subscription")
    return billed


def list_lines(sandbox: Sandbox, call: Call) -> Json:
    """List an invoice's lines."""
    invoice = sandbox.state.get("invoice", call.id)
    return page(call, invoice["lines"]["data"])


def list_payments(sandbox: Sandbox, call: Call) -> Json:
    """List invoice payments by invoice, status, or the intent that pays."""
    payment = call.params.nested("payment")
    intent = payment.text("payment_intent")
    found = [
        one for one in sandbox.state.all("invoice_payment") if intent in (None, one["payment"].get("payment_intent"))
    ]
    return page(call, found, equal=["invoice", "status"])


def payments_of(sandbox: Sandbox, invoice: Json) -> Json:
    """Return the `payments` list that appears on an invoice when expanded."""
    found = sandbox.state.where("invoice_payment", invoice=invoice["id"])
    return listed(found[::-1], f"/v1/invoices/{invoice['id']}/payments")


def confirmation_secret_of(sandbox: Sandbox, invoice: Json) -> Json | None:
    """Return the `confirmation_secret` that appears on an invoice when expanded."""
    intent = collection.intent_of(sandbox, sandbox.state.get("invoice", invoice["id"]))
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


def retrieve_payment(sandbox: Sandbox, call: Call) -> Json:
    """Return an invoice payment."""
    return sandbox.state.get("invoice_payment", call.id)


ROUTES = [
    Route("POST", "/v1/invoices", create),
    Route("GET", "/v1/invoices", list_all),
    Route("GET", "/v1/invoices/{id}", lambda sandbox, call: sandbox.state.get("invoice", call.id)),
    Route("POST", "/v1/invoices/{id}", update),
    Route("DELETE", "/v1/invoices/{id}", delete),
    Route("GET", "/v1/invoices/{id}/lines", list_lines),
    Route("POST", "/v1/invoices/{id}/finalize", finalize),
    Route("POST", "/v1/invoices/{id}/pay", pay),
    Route("POST", "/v1/invoices/{id}/void", void),
    Route("POST", "/v1/invoices/{id}/mark_uncollectible", mark_uncollectible),
    Route("POST", "/v1/invoices/{id}/send", send),
    Route("GET", "/v1/invoice_payments", list_payments),
    Route("GET", "/v1/invoice_payments/{id}", retrieve_payment),
]
