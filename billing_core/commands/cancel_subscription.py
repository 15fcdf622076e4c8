"""cancel_subscription: at once or at the period's end, with money back or without."""

from typing import Any

from billing_core.answers import Answer, OwnIds
from billing_core.commands.arguments import CancelSubscription
from billing_core.commands.keys import CHANGED_BY
from billing_core.commands.our_objects import our_object
from billing_core.commands.outcome import Outcome, refused
from billing_core.commands.refund_invoice import Payment, payment_for, refund, refunded
from billing_core.commands.tools import Tools
from billing_core.commands.update_subscription import changed
from billing_core.commands.work import Call, Work
from billing_core.errors import StripeObjectMissing, StripeRefused
from billing_core.kinds import INVOICE, SUBSCRIPTION
from billing_core.stripe_api import Fetched

STEP = "cancel"


def cancel_subscription(work: Work, tools: Tools, arguments: CancelSubscription) -> None:
    """Cancel at Stripe and in our tables; finish the command in the same transaction as its last step."""
    found = our_object(tools, SUBSCRIPTION, arguments.subscription_id)
    if arguments.when == "period_end":
        answer = _at_period_end(work, tools, found)
        tools.answers.finish(work, [answer], lambda own_ids: changed(answer, own_ids))
        return
    payment = work.remember("payment", lambda: _to_refund(tools, arguments, found.stripe_id))
    answer = _now(work, tools, arguments, found)
    if payment is None:
        tools.answers.finish(work, [answer], lambda own_ids: _canceled(answer, own_ids, {"refund": None}))
    else:
        tools.answers.save(work, [answer])
        _refund_and_finish(work, tools, found.stripe_id, Payment(*payment))


def _to_refund(tools: Tools, arguments: CancelSubscription, subscription: str) -> Payment | None:
    """Choose the payment before the subscription ends, since ending it can make another invoice the latest."""
    if arguments.refund != "last_invoice":
        return None
    path = INVOICE.path.rstrip("/")
    for invoice in tools.stripe.fetch(path, subscription=subscription, status="paid", limit=100).obj["data"]:
        if payment := payment_for(tools.stripe, invoice):
            return payment
    return None


def _at_period_end(work: Work, tools: Tools, found: Answer) -> Answer:
    params = {"cancel_at_period_end": True, "metadata": {CHANGED_BY: work.command_id}}
    call = Call("post", f"{SUBSCRIPTION.path}{found.stripe_id}", params)
    written = work.call(STEP, call, lambda _since: _if_ending(tools, found.stripe_id))
    return tools.answers.of_write(SUBSCRIPTION, found.held, written)


def _now(work: Work, tools: Tools, arguments: CancelSubscription, found: Answer) -> Answer:
    """End it. Stripe knows no keys for a DELETE: what is over stays so, and is not found a second time."""
    if found.state.record.terminal:
        return found
    # The credit for the unused time goes to the customer's balance at once, not only with a next invoice.
    prorated = {"prorate": True, "invoice_now": True} if arguments.refund == "prorated" else {}
    call = Call("delete", f"{SUBSCRIPTION.path}{found.stripe_id}", prorated)
    try:
        written = work.call(STEP, call, lambda _since: _if_ending(tools, found.stripe_id))
    except StripeObjectMissing:
        again = tools.answers.look(SUBSCRIPTION, found.stripe_id)
        if not again.state.record.terminal:
            raise
        return again
    return tools.answers.of_write(SUBSCRIPTION, found.held, written)


def _if_ending(tools: Tools, subscription: str) -> Fetched | None:
    fetched = tools.stripe.fetch(f"{SUBSCRIPTION.path}{subscription}")
    ending = fetched.obj["cancel_at_period_end"] or fetched.obj["ended_at"]
    return fetched if ending else None


def _refund_and_finish(work: Work, tools: Tools, subscription: str, payment: Payment) -> None:
    """Refund what was paid. Where Stripe refuses, the subscription is canceled all the same, and the error says why."""
    try:
        money: Answer | None = refund(work, tools, payment, None, "requested_by_customer")
        error = None
    except StripeRefused as refusal:
        money, error = None, refused(refusal).error
    answer = tools.answers.look(SUBSCRIPTION, subscription)
    answers = [answer, tools.answers.look(INVOICE, payment.invoice), *([money] if money else [])]

    def outcome(own_ids: OwnIds) -> Outcome:
        back = {"refund": refunded(money, own_ids) if money else None}
        return _canceled(answer, own_ids, back, error)

    tools.answers.finish(work, answers, outcome)


def _canceled(answer: Answer, own_ids: OwnIds, back: dict[str, Any], error: dict[str, Any] | None = None) -> Outcome:
    ended = changed(answer, own_ids)
    return Outcome(ended.status, (ended.result or {}) | back, error, ended.rows)
