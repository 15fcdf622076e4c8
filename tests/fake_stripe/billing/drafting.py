"""Invoices before they are final: their lines, discounts and totals."""

from typing import Any

from tests.fake_stripe.billing import discounting
from tests.fake_stripe.errors import Json
from tests.fake_stripe.listing import listed
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS

ISSUER = {"type": "self"}


def draft(
    sandbox: Sandbox,
    customer: Json,
    lines: list[Json],
    *,
    reason: str,
    sub: Json | None = None,
    currency: str,
    period: tuple[int, int] | None = None,
    **fields: Any,
) -> Json:
    """Make a draft invoice out of `lines` and emit invoice.created."""
    invoice = build(sandbox, customer, lines, reason=reason, sub=sub, currency=currency, period=period)
    return publish(sandbox, invoice | fields)


def publish(sandbox: Sandbox, invoice: Json) -> Json:
    """Make a built invoice part of the account, its pending items billed, and emit invoice.created."""
    sandbox.state.add(invoice)
    for line in invoice["lines"]["data"]:
        item_id = line["parent"][line["parent"]["type"]]["invoice_item"]
        if item_id is not None:
            sandbox.state.get("invoiceitem", item_id)["invoice"] = invoice["id"]
    sandbox.emit("invoice.created", invoice)
    return invoice


def build(
    sandbox: Sandbox,
    customer: Json,
    lines: list[Json],
    *,
    reason: str,
    sub: Json | None,
    currency: str,
    period: tuple[int, int] | None = None,
) -> Json:
    """Return an invoice object that is not part of the account yet."""
    now = sandbox.clock.timestamp()
    invoice = sandbox.new("invoice", "in", currency=currency, customer=customer["id"])
    start, end = period or (now, now)
    invoice |= (
        _defaults()
        | _customer_fields(customer)
        | {
            "billing_reason": reason,
            "collection_method": sub["collection_method"] if sub else "charge_automatically",
            "parent": _parent(sub),
            "period_end": end,
            "period_start": start,
            "starting_balance": customer["balance"],
            LINKS: {"payment_intent": None, "charge": None},
        }
    )
    put_lines(sandbox, invoice, lines, sub)
    return invoice


def put_lines(sandbox: Sandbox, invoice: Json, lines: list[Json], sub: Json | None = None) -> None:
    """Set the invoice's lines, discounts and totals."""
    for line in lines:
        line["invoice"] = invoice["id"]
    url = f"/v1/invoices/{invoice['id']}/lines"
    invoice["lines"] = listed(lines, url)
    invoice["subtotal"] = sum(line["amount"] for line in lines)
    amounts = discounting.take_off(sandbox, sub, invoice["subtotal"]) if sub else []
    invoice["discounts"] = [amount["discount"] for amount in amounts]
    invoice["total_discount_amounts"] = amounts
    if lines:
        lines[0]["discount_amounts"] = [dict(amount) for amount in amounts]
    total(invoice)


def total(invoice: Json) -> None:
    """Work out what is due, spending the customer's credit balance."""
    off = sum(amount["amount"] for amount in invoice["total_discount_amounts"])
    amount = invoice["subtotal"] - off
    due = max(amount + invoice["starting_balance"], 0) if amount > 0 else 0
    invoice |= {
        "subtotal_excluding_tax": invoice["subtotal"],
        "total": amount,
        "total_excluding_tax": amount,
        "amount_due": due,
        "amount_remaining": due,
    }


def _parent(sub: Json | None) -> Json | None:
    if sub is None:
        return None
    details = {"metadata": dict(sub["metadata"]), "subscription": sub["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _customer_fields(customer: Json) -> Json:
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
    }


def _defaults() -> Json:
    nothing = (
        "account_tax_ids",
        "application",
        "automatically_finalizes_at",
        "custom_fields",
        "customer_account",
        "default_payment_method",
        "default_source",
        "description",
        "due_date",
        "effective_at",
        "ending_balance",
        "footer",
        "from_invoice",
        "hosted_invoice_url",
        "invoice_pdf",
        "last_finalization_error",
        "latest_revision",
        "next_payment_attempt",
        "number",
        "on_behalf_of",
        "receipt_number",
        "rendering",
        "shipping_cost",
        "shipping_details",
        "statement_descriptor",
        "test_clock",
        "webhooks_delivered_at",
    )
    zero = (
        "amount_overpaid",
        "amount_paid",
        "amount_paid_off_stripe",
        "amount_shipping",
        "attempt_count",
        "post_payment_credit_notes_amount",
        "pre_payment_credit_notes_amount",
    )
    stages = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
    nobody = {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None}
    settings = ("default_mandate", "payment_method_options", "payment_method_types")
    return (
        dict.fromkeys(nothing)
        | dict.fromkeys(zero, 0)
        | {
            "account_country": "AU",
            "account_name": "AI Resume Pty Ltd",
            "attempted": False,
            "auto_advance": True,
            "automatic_tax": nobody,
            "default_tax_rates": [],
            "issuer": dict(ISSUER),
            "metadata": {},
            "payment_settings": dict.fromkeys(settings),
            "status": "draft",
            "status_transitions": dict.fromkeys(stages),
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
        }
    )
