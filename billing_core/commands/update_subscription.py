"""update_subscription: price, quantity, end, payment method, pause and resume."""

from typing import Any

from billing_core.answers import Answer, OwnIds
from billing_core.commands.arguments import UpdateSubscription
from billing_core.commands.command import CommandStatus
from billing_core.commands.keys import CHANGED_BY
from billing_core.commands.our_objects import our_object
from billing_core.commands.outcome import NotPossible, Outcome
from billing_core.commands.payment_method import attached
from billing_core.commands.payment_truth import payment_truth
from billing_core.commands.tools import Tools
from billing_core.commands.work import Call, Work
from billing_core.kinds import SUBSCRIPTION
from billing_core.stripe_api import Fetched

UPDATE, RESUME = "update", "resume"


def update_subscription(work: Work, tools: Tools, arguments: UpdateSubscription) -> None:
    """Change the subscription at Stripe and in our tables; finish the command in the same transaction."""
    found = our_object(tools, SUBSCRIPTION, arguments.subscription_id)
    decided = work.remember("item", lambda: _decide(arguments, found))
    params = _params(arguments, decided["item"], pausing=not decided["resumes"])
    if arguments.default_payment_method:
        customer = found.obj["customer"]
        params["default_payment_method"] = attached(work, tools, arguments.default_payment_method, customer)
    answer = found
    if params:
        answer = _write(work, tools, answer, UPDATE, params | {"metadata": {CHANGED_BY: work.command_id}})
    if decided["resumes"]:
        answer = _write(work, tools, answer, RESUME, {})
    truth = payment_truth(tools.answers, answer.obj, work.request_id)
    answers = [answer, truth.invoice] if truth.invoice else [answer]
    tools.answers.finish(work, answers, lambda own_ids: changed(answer, own_ids, truth.next_step, truth.error))


def changed(
    answer: Answer, own_ids: OwnIds, next_step: str | None = None, error: dict[str, Any] | None = None
) -> Outcome:
    """Return how a command ends that changed a subscription."""
    own_id = own_ids[answer.stripe_id]
    result = {
        "subscription_id": own_id,
        "stripe_subscription_id": answer.stripe_id,
        "status": answer.obj["status"],
        "next_step": next_step,
    }
    status = CommandStatus.DECLINED if error else CommandStatus.SUCCEEDED
    return Outcome(status, result, error, {"subscription_id": own_id})


def _decide(arguments: UpdateSubscription, found: Answer) -> dict[str, Any]:
    """Choose the item to change, and how to resume: Stripe has one way for `paused` and another for paused payment."""
    item = None
    if arguments.price_id or arguments.quantity:
        items = found.obj["items"]["data"]
        if len(items) != 1:
            raise NotPossible("several_items", "The subscription has several items: change them at Stripe.")
        item = items[0]["id"]
    return {"item": item, "resumes": arguments.resume and found.obj["status"] == "paused"}


def _params(arguments: UpdateSubscription, item: str | None, *, pausing: bool) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if item:
        changes = {"price": arguments.price_id, "quantity": arguments.quantity}
        params["items"] = [{"id": item} | {name: value for name, value in changes.items() if value is not None}]
        params["proration_behavior"] = arguments.proration or "create_prorations"
        # Who cannot pay for the change does not get it: Stripe answers 402 and changes nothing.
        params["payment_behavior"] = "error_if_incomplete"
    if arguments.cancel_at_period_end is not None:
        params["cancel_at_period_end"] = arguments.cancel_at_period_end
    if arguments.pause:
        params["pause_collection"] = {"behavior": arguments.pause}
    if arguments.resume and pausing:
        params["pause_collection"] = ""
    return params


def _write(work: Work, tools: Tools, before: Answer, step: str, params: dict[str, Any]) -> Answer:
    path = f"{SUBSCRIPTION.path}{before.stripe_id}" + ("/resume" if step == RESUME else "")
    if work.done(step):
        return tools.answers.look(SUBSCRIPTION, before.stripe_id)
    written = work.call(step, Call("post", path, params), lambda _since: _if_done(work, tools, before, step))
    answer = tools.answers.of_write(SUBSCRIPTION, before.held, written)
    tools.answers.save(work, [answer])
    return tools.answers.look(SUBSCRIPTION, before.stripe_id)


def _if_done(work: Work, tools: Tools, before: Answer, step: str) -> Fetched | None:
    fetched = tools.stripe.fetch(f"{SUBSCRIPTION.path}{before.stripe_id}")
    if step == RESUME:
        return fetched if fetched.obj["status"] != "paused" else None
    return fetched if (fetched.obj.get("metadata") or {}).get(CHANGED_BY) == work.command_id else None
