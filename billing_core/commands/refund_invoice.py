"""refund_invoice: money back for what an invoice was paid with."""

from datetime import datetime
from typing import Any, NamedTuple

from billing_core.answers import Answer, OwnIds
from billing_core.commands.arguments import RefundInvoice
from billing_core.commands.command import CommandStatus
from billing_core.commands.customer import created_in
from billing_core.commands.keys import MADE_BY
from billing_core.commands.our_objects import our_object
from billing_core.commands.outcome import NotPossible, Outcome
from billing_core.commands.tools import Tools
from billing_core.commands.work import Call, Work
from billing_core.guard import ABSENT
from billing_core.kinds import INVOICE, INVOICE_PAYMENT, REFUND
from billing_core.shapes import APP_KEY
from billing_core.stripe_api import Fetched, StripeApi

STEP = "refund"


class Payment(NamedTuple):
    """What paid an invoice: Stripe's parameter for a refund of it, and the IDs that the refund itself leaves out."""

    parameter: str
    payment_id: str
    invoice: str
    customer: str


def refund_invoice(work: Work, tools: Tools, arguments: RefundInvoice) -> None:
    """Leave one refund at Stripe and in our tables; finish the command in the same transaction."""
    invoice = our_object(tools, INVOICE, arguments.invoice_id)
    payment = Payment(*work.remember("payment", lambda: _payment_of(tools.stripe, invoice)))
    answer = refund(work, tools, payment, arguments.amount, arguments.reason)
    tools.answers.finish(work, [invoice, answer], lambda own_ids: _outcome(answer, invoice, own_ids))


def refund(work: Work, tools: Tools, payment: Payment, amount: int | None, reason: str | None) -> Answer:
    """Refund a payment at Stripe: all that is left of it, or an amount in minor units.

    Raises:
        StripeRefused: there is not so much left to refund.
    """
    metadata = {MADE_BY: work.command_id} | ({APP_KEY: tools.app} if tools.app else {})
    params: dict[str, Any] = {payment.parameter: payment.payment_id, "metadata": metadata}
    params |= {name: value for name, value in (("amount", amount), ("reason", reason)) if value is not None}
    call = Call("post", REFUND.path.rstrip("/"), params)
    written = work.call(STEP, call, lambda since: _look_up(work, tools.stripe, payment, since))
    known = {"stripe_invoice_id": payment.invoice, "stripe_customer_id": payment.customer}
    return tools.answers.of_write(REFUND, ABSENT, written, known)


def refunded(answer: Answer, own_ids: OwnIds) -> dict[str, Any]:
    """Return what a command's result says of a refund."""
    return {
        "refund_id": own_ids[answer.stripe_id],
        "stripe_refund_id": answer.stripe_id,
        "amount": answer.obj["amount"],
        "currency": answer.obj["currency"].upper(),
        "status": answer.obj["status"],
    }


def payment_for(stripe: StripeApi, invoice: dict[str, Any]) -> Payment | None:
    """Return what paid an invoice last; None if no money moved. https://docs.stripe.com/api/invoice-payment/list"""
    path = INVOICE_PAYMENT.path.rstrip("/")
    payments = stripe.fetch(path, invoice=invoice["id"], status="paid", limit=1).obj["data"]
    paid = payments[0]["payment"] if payments else {}
    parameter = next((name for name in ("payment_intent", "charge") if paid.get(name)), None)
    return Payment(parameter, paid[parameter], invoice["id"], invoice["customer"]) if parameter else None


def _payment_of(stripe: StripeApi, invoice: Answer) -> Payment:
    payment = payment_for(stripe, invoice.obj)
    if payment is None:
        raise NotPossible("invoice_not_paid", "No payment at Stripe paid this invoice: there is nothing to refund.")
    return payment


def _look_up(work: Work, stripe: StripeApi, payment: Payment, since: datetime) -> Fetched | None:
    wanted = {payment.parameter: payment.payment_id}
    for found in created_in(stripe, REFUND.path, since, wanted):
        if (found.get("metadata") or {}).get(MADE_BY) == work.command_id:
            return stripe.fetch(f"{REFUND.path}{found['id']}")
    return None


def _outcome(answer: Answer, invoice: Answer, own_ids: OwnIds) -> Outcome:
    result = refunded(answer, own_ids) | {
        "invoice_id": own_ids[invoice.stripe_id],
        "stripe_invoice_id": invoice.stripe_id,
    }
    return Outcome(CommandStatus.SUCCEEDED, result, None, {"invoice_id": own_ids[invoice.stripe_id]})
