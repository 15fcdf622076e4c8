"""From a draft to money: finalize, collect, retry, void, write off."""

from tests.fake_stripe.billing import lifecycle
from tests.fake_stripe.billing.payments import Outcome, attempt, cancel_intent, new_intent
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS

DAY = 86400

# Invoices that Stripe does not retry by itself: the customer is there to fix the payment.
UNRETRIED = frozenset({"subscription_create", "manual"})


def finalize(sandbox: Sandbox, invoice: Json) -> None:
    """Give a draft its number, make it open and ready to be paid; nothing due means paid at once."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    now = sandbox.clock.timestamp()
    _number(sandbox, invoice)
    invoice |= {"status": "open", "effective_at": now, "automatically_finalizes_at": None}
    invoice["status_transitions"]["finalized_at"] = now
    url = f"https://invoice.stripe.com/i/{sandbox.account_id}/test_{sandbox.ids.tail(40)}"
    invoice |= {"hosted_invoice_url": f"{url}?s=ap", "invoice_pdf": f"{url}/pdf?s=ap"}
    _spend_balance(sandbox, invoice)
    if invoice["amount_due"] > 0:
        _prepare_payment(sandbox, invoice)
    sandbox.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(sandbox, invoice, amount=0)


def _number(sandbox: Sandbox, invoice: Json) -> None:
    customer = sandbox.state.get("customer", invoice["customer"])
    if customer.get("deleted"):
        return
    sequence = customer["next_invoice_sequence"]
    invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
    customer["next_invoice_sequence"] = sequence + 1
    customer["currency"] = customer["currency"] or invoice["currency"]


def _spend_balance(sandbox: Sandbox, invoice: Json) -> None:
    customer = sandbox.state.get("customer", invoice["customer"])
    left = invoice["starting_balance"] + invoice["total"] - invoice["amount_due"]
    invoice["ending_balance"] = left
    if not customer.get("deleted") and left != customer["balance"]:
        with sandbox.changing(customer):
            customer["balance"] = left


def _prepare_payment(sandbox: Sandbox, invoice: Json) -> None:
    intent = new_intent(
        sandbox,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        invoice=invoice["id"],
        description="Subscription creation" if invoice["parent"] else f"Payment for {invoice['id']}",
        setup_future_usage="off_session" if invoice["billing_reason"] == "subscription_create" else None,
    )
    invoice[LINKS]["payment_intent"] = intent["id"]
    payment = sandbox.new("invoice_payment", "inpay", amount_paid=None, amount_requested=intent["amount"])
    payment |= {
        "currency": intent["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    sandbox.state.add(payment)
    invoice[LINKS]["invoice_payment"] = payment["id"]


def intent_of(sandbox: Sandbox, invoice: Json) -> Json | None:
    """Return the payment intent of a finalized invoice, if money is involved."""
    intent_id = invoice[LINKS]["payment_intent"]
    return sandbox.state.get("payment_intent", intent_id) if intent_id else None


def collect(sandbox: Sandbox, invoice: Json, method_id: str | None = None) -> Outcome:
    """Charge an open invoice once, and let the invoice and its subscription follow the outcome."""
    sub = lifecycle.subscription_of(sandbox, invoice)
    customer = sandbox.state.get("customer", invoice["customer"])
    chosen = method_id or invoice["default_payment_method"] or lifecycle.method_of(sandbox, customer, sub)
    intent = intent_of(sandbox, invoice)
    if intent is None or chosen is None:
        outcome = Outcome("declined", "no_payment_method")
    else:
        outcome = attempt(sandbox, intent, chosen)
        invoice[LINKS]["charge"] = intent["latest_charge"]
    settle(sandbox, invoice, outcome)
    return outcome


def settle(sandbox: Sandbox, invoice: Json, outcome: Outcome) -> None:
    """Let the invoice follow what became of its payment."""
    if outcome.succeeded:
        mark_paid(sandbox, invoice, amount=invoice["amount_due"])
        return
    with sandbox.changing(invoice):
        invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        _plan_retry(sandbox, invoice)
    if outcome.status == "requires_action":
        sandbox.emit("invoice.payment_action_required", invoice)
    sandbox.emit("invoice.payment_failed", invoice)
    sub = lifecycle.subscription_of(sandbox, invoice)
    if sub is None or invoice["billing_reason"] in UNRETRIED or sub["ended_at"] is not None:
        return
    if invoice["next_payment_attempt"] is None:
        lifecycle.retries_exhausted(sandbox, sub)
    else:
        lifecycle.payment_failed(sandbox, sub)


def _plan_retry(sandbox: Sandbox, invoice: Json) -> None:
    days = sandbox.settings.retry_days
    tried = invoice["attempt_count"]
    retried = invoice["billing_reason"] not in UNRETRIED and invoice["auto_advance"]
    if not retried or tried > len(days):
        invoice["next_payment_attempt"] = None
        return
    due = sandbox.clock.timestamp() + int(days[tried - 1] * DAY)
    invoice["next_payment_attempt"] = due
    sandbox.at(due, retry_payment, invoice["id"], due)


def retry_payment(sandbox: Sandbox, invoice_id: str, due: int) -> None:
    """Try a past due invoice again, unless it was settled or rescheduled meanwhile."""
    invoice = sandbox.state.get("invoice", invoice_id)
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == due:
        collect(sandbox, invoice)


def mark_paid(sandbox: Sandbox, invoice: Json, *, amount: int, out_of_band: bool = False) -> None:
    """Close an invoice as paid, with the events of that moment in Stripe's order."""
    now = sandbox.clock.timestamp()
    with sandbox.changing(invoice):
        invoice |= {
            "status": "paid",
            "attempted": True,
            "attempt_count": invoice["attempt_count"] + (0 if out_of_band else 1),
            "amount_paid": 0 if out_of_band else amount,
            "amount_paid_off_stripe": amount if out_of_band else 0,
            "amount_remaining": 0,
            "auto_advance": False,
            "next_payment_attempt": None,
        }
        invoice["status_transitions"]["paid_at"] = now
        invoice[LINKS]["paid_out_of_band"] = out_of_band
    sandbox.emit("invoice.paid", invoice)
    sandbox.emit("invoice.payment_succeeded", invoice)
    _close_payment(sandbox, invoice, "canceled" if out_of_band else "paid")
    lifecycle.invoice_paid(sandbox, invoice)


def _close_payment(sandbox: Sandbox, invoice: Json, status: str) -> None:
    payment_id = invoice[LINKS].get("invoice_payment")
    if payment_id is None:
        return
    payment = sandbox.state.get("invoice_payment", payment_id)
    payment["status"] = status
    payment["status_transitions"][f"{status}_at"] = sandbox.clock.timestamp()
    if status == "paid":
        payment["amount_paid"] = payment["amount_requested"]
        sandbox.emit("invoice_payment.paid", payment)


def void(sandbox: Sandbox, invoice: Json) -> None:
    """Declare an open invoice never to have been."""
    _write_off(sandbox, invoice, "void", "voided_at", "void_invoice")
    sandbox.emit("invoice.voided", invoice)


def mark_uncollectible(sandbox: Sandbox, invoice: Json) -> None:
    """Give up on an open invoice as bad debt; it can still be paid."""
    _write_off(sandbox, invoice, "uncollectible", "marked_uncollectible_at", None)
    sandbox.emit("invoice.marked_uncollectible", invoice)


def _write_off(sandbox: Sandbox, invoice: Json, status: str, stage: str, reason: str | None) -> None:
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(f"You can only do this to an open invoice; this one is {invoice['status']}.")
    with sandbox.changing(invoice):
        invoice |= {"status": status, "auto_advance": False, "next_payment_attempt": None}
        invoice["status_transitions"][stage] = sandbox.clock.timestamp()
    intent = intent_of(sandbox, invoice)
    if intent is not None and reason is not None:
        cancel_intent(sandbox, intent, reason)
        _close_payment(sandbox, invoice, "canceled")
