"""create_subscription: the customer if there is none, the payment method, the subscription with its first payment."""

from datetime import datetime
from typing import Any

from billing_core.answers import Answer, OwnIds
from billing_core.commands.arguments import CreateSubscription
from billing_core.commands.command import CommandStatus
from billing_core.commands.customer import created_in
from billing_core.commands.keys import MADE_BY
from billing_core.commands.outcome import NotPossible, Outcome
from billing_core.commands.payment_method import attached
from billing_core.commands.payment_truth import PaymentTruth, payment_truth
from billing_core.commands.tools import Tools
from billing_core.commands.work import Call, Work
from billing_core.guard import ABSENT
from billing_core.kinds import SUBSCRIPTION
from billing_core.shapes import APP_KEY, USER_KEY
from billing_core.stripe_api import Fetched

SUBSCRIBE = "subscription"


def create_subscription(work: Work, tools: Tools, arguments: CreateSubscription) -> None:
    """Leave one subscription at Stripe and in our tables; finish the command in the same transaction.

    A first payment that the bank declines leaves it incomplete: Stripe ends it after 23 hours, and charges nothing.
    """
    price = work.remember("price", lambda: _price(arguments, tools))
    customer = tools.customers.of(work, arguments.user_id)
    method = attached(work, tools, arguments.payment_method_id, customer)
    call = Call("post", "/v1/subscriptions", _params(work, tools, arguments, (customer, price, method)))
    written = work.call(SUBSCRIBE, call, lambda since: _look_up(work, tools, customer, since))
    answer = tools.answers.of_write(SUBSCRIPTION, ABSENT, written)
    truth = payment_truth(tools.answers, answer.obj, work.request_id)
    answers = [answer, truth.invoice] if truth.invoice else [answer]
    tools.answers.finish(work, answers, lambda own_ids: _outcome(answer, truth, own_ids))


def _price(arguments: CreateSubscription, tools: Tools) -> str:
    price = arguments.price_id or tools.default_price
    if price is None:
        raise NotPossible("price_missing", "The command names no price, and BILLING_DEFAULT_PRICE is not set.")
    return price


def _params(work: Work, tools: Tools, arguments: CreateSubscription, decided: tuple[str, str, str]) -> dict[str, Any]:
    customer, price, method = decided
    ours = {USER_KEY: str(arguments.user_id), MADE_BY: work.command_id} | ({APP_KEY: tools.app} if tools.app else {})
    params: dict[str, Any] = {
        "customer": customer,
        "items": [{"price": price, "quantity": arguments.quantity}],
        "default_payment_method": method,
        # A card that asks for its owner leaves the subscription incomplete, and the owner can still pass.
        "payment_behavior": "allow_incomplete",
        "metadata": arguments.metadata | ours,
    }
    if arguments.trial_days:
        params["trial_period_days"] = arguments.trial_days
    if arguments.coupon:
        params["discounts"] = [{"coupon": arguments.coupon}]
    if arguments.promotion_code:
        params["discounts"] = [{"promotion_code": arguments.promotion_code}]
    return params


def _look_up(work: Work, tools: Tools, customer: str, since: datetime) -> Fetched | None:
    wanted = {"customer": customer, "status": "all"}
    for found in created_in(tools.stripe, SUBSCRIPTION.path, since, wanted):
        if (found.get("metadata") or {}).get(MADE_BY) == work.command_id:
            return tools.stripe.fetch(f"{SUBSCRIPTION.path}{found['id']}")
    return None


def _outcome(answer: Answer, truth: PaymentTruth, own_ids: OwnIds) -> Outcome:
    invoice = truth.invoice.stripe_id if truth.invoice else None
    result = {
        "subscription_id": own_ids[answer.stripe_id],
        "stripe_subscription_id": answer.stripe_id,
        "status": answer.obj["status"],
        "stripe_customer_id": answer.obj["customer"],
        "stripe_invoice_id": invoice,
        "next_step": truth.next_step,
    }
    rows = {"subscription_id": own_ids[answer.stripe_id]}
    if invoice and invoice in own_ids:
        rows["invoice_id"] = own_ids[invoice]
    status = CommandStatus.DECLINED if truth.error else CommandStatus.SUCCEEDED
    return Outcome(status, result, truth.error, rows)
