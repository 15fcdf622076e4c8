"""Subscriptions."""

from collections.abc import Iterator

from tests.fake_stripe.billing import changes, cycle, discounting, lifecycle, proration, starting
from tests.fake_stripe.errors import Json, invalid, no_such
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import page
from tests.fake_stripe.resources.catalog import plan_of
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import copied

# What can still be said about a subscription that has ended.
AFTER_THE_END = frozenset({"metadata", "cancellation_details", "expand"})


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create a subscription."""
    return starting.start(sandbox, call.params)


def retrieve(sandbox: Sandbox, call: Call) -> Json:
    """Return a subscription, ended or not."""
    return sandbox.state.get("subscription", call.id)


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change a subscription, prorating and billing as asked."""
    sub = sandbox.state.get("subscription", call.id)
    params = call.params
    if sub["status"] in lifecycle.ENDED and not AFTER_THE_END.issuperset(params.values):
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    items_before = copied(sub["items"]["data"])
    with sandbox.changing(sub):
        _apply_plain(sandbox, sub, params)
        _apply_cancellation(sandbox, sub, params)
        invoice = _apply_trial(sandbox, sub, params)
        _apply_items(sandbox, sub, params)
        invoice = invoice or changes.bill_changes(sandbox, sub, params, items_before)
    changes.collect_now(sandbox, sub, invoice)
    return sub


def _apply_plain(sandbox: Sandbox, sub: Json, params: Params) -> None:
    sub["metadata"] = params.metadata(sub["metadata"])
    if "default_payment_method" in params:
        customer = sandbox.customer(sub["customer"])
        method = starting.owned_method(sandbox, customer, params.text("default_payment_method"))
        sub["default_payment_method"] = method
    for key in ("description", "collection_method"):
        if key in params:
            sub[key] = params.text(key)
    if "days_until_due" in params:
        sub["days_until_due"] = params.integer("days_until_due")
    if "pause_collection" in params:
        sub["pause_collection"] = _pause(sandbox, sub, params.nested("pause_collection"))
    if "discounts" in params or "coupon" in params or "promotion_code" in params:
        empty = "" in (params.values.get("discounts"), params.values.get("coupon"))
        discounting.give(sandbox, sub, [] if empty else discounting.requested(sandbox, params))
    keep = params.nested("payment_settings").text("save_default_payment_method")
    if keep:
        sub["payment_settings"]["save_default_payment_method"] = keep


def _pause(sandbox: Sandbox, sub: Json, params: Params) -> Json | None:
    if not params.values:
        return None
    resumes = params.integer("resumes_at")
    if resumes is not None:
        sandbox.at(resumes, _unpause, sub["id"], resumes)
    return {"behavior": params.required("behavior"), "resumes_at": resumes}


def _unpause(sandbox: Sandbox, sub_id: str, due: int) -> None:
    sub = sandbox.state.get("subscription", sub_id)
    if (sub["pause_collection"] or {}).get("resumes_at") == due:
        with sandbox.changing(sub):
            sub["pause_collection"] = None


def _apply_cancellation(sandbox: Sandbox, sub: Json, params: Params) -> None:
    details = params.nested("cancellation_details")
    for key in ("comment", "feedback"):
        if key in details:
            sub["cancellation_details"][key] = details.text(key)
    if "cancel_at_period_end" in params:
        ends = params.boolean("cancel_at_period_end")
        sub["cancel_at_period_end"] = ends
        _plan_cancellation(sandbox, sub, lifecycle.period_end(sub) if ends else None)
    elif "cancel_at" in params:
        _plan_cancellation(sandbox, sub, params.integer("cancel_at"))
        cycle.schedule_cancel_at(sandbox, sub)


def _plan_cancellation(sandbox: Sandbox, sub: Json, moment: int | None) -> None:
    sub["cancel_at"] = moment
    sub["canceled_at"] = sandbox.clock.timestamp() if moment else None
    sub["cancellation_details"]["reason"] = "cancellation_requested" if moment else None


def _apply_trial(sandbox: Sandbox, sub: Json, params: Params) -> Json | None:
    if "trial_end" not in params or sub["status"] not in {"trialing", "active"}:
        return None
    now = sandbox.clock.timestamp()
    end = starting.trial_end_of(sandbox, params)
    sub |= {"trial_end": end or now, "billing_cycle_anchor": end or now}
    if end is None:
        changes.restart_period(sandbox, sub)
        sub["status"] = "active"
        return changes.draft_now(sandbox, sub, changes.period_lines(sandbox, sub))
    sub |= {"status": "trialing", "trial_start": sub["trial_start"] or now}
    for item in sub["items"]["data"]:
        item["current_period_end"] = end
    cycle.schedule(sandbox, sub)
    return None


def _apply_items(sandbox: Sandbox, sub: Json, params: Params) -> None:
    for one in params.each("items"):
        item_id = one.text("id")
        if item_id is None:
            _add_item(sandbox, sub, one)
        else:
            _change_item(sandbox, sub, item_id, one)
    data = sub["items"]["data"]
    sub["currency"] = data[0]["price"]["currency"]


def _add_item(sandbox: Sandbox, sub: Json, params: Params) -> None:
    item = starting.new_item(sandbox, sub["id"], params)
    first = lifecycle.first_item(sub)
    item |= {key: first[key] for key in ("current_period_start", "current_period_end")}
    sub["items"]["data"].append(item)


def _change_item(sandbox: Sandbox, sub: Json, item_id: str, params: Params) -> None:
    data = sub["items"]["data"]
    item = next((one for one in data if one["id"] == item_id), None)
    if item is None:
        raise no_such("subscription_item", item_id, params.name("id"))
    if params.boolean("deleted"):
        data.remove(item)
        if not data:
            raise invalid("A subscription must have at least one active plan.", param="items")
        return
    price_id = params.text("price")
    if price_id is not None:
        price = sandbox.state.get("price", price_id, params.name("price"))
        item |= {"price": dict(price), "plan": plan_of(price)}
    item["quantity"] = params.integer("quantity", item["quantity"])
    item["metadata"] = params.metadata(item["metadata"])


def cancel(sandbox: Sandbox, call: Call) -> Json:
    """Cancel at once; one that has ended is no longer there to cancel."""
    sub = sandbox.state.get("subscription", call.id)
    if sub["status"] in lifecycle.ENDED:
        raise no_such("subscription", call.id)
    details = call.params.nested("cancellation_details")
    for key in ("comment", "feedback"):
        if key in details:
            sub["cancellation_details"][key] = details.text(key)
    before = copied(sub["items"]["data"])
    lifecycle.cancel_now(sandbox, sub, reason="cancellation_requested")
    if call.params.boolean("prorate") and before:
        proration.credit_unused(sandbox, sub, before)
    return sub


def resume(sandbox: Sandbox, call: Call) -> Json:
    """Resume a paused subscription with a new period that is billed at once."""
    sub = sandbox.state.get("subscription", call.id)
    if sub["status"] != "paused":
        raise invalid(f"Only paused subscriptions can be resumed; this one is {sub['status']}.")
    with sandbox.changing(sub):
        sub |= {"status": "active", "billing_cycle_anchor": sandbox.clock.timestamp()}
        changes.restart_period(sandbox, sub)
        invoice = changes.draft_now(sandbox, sub, changes.period_lines(sandbox, sub))
    sandbox.emit("customer.subscription.resumed", sub)
    changes.collect_now(sandbox, sub, invoice)
    return sub


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List subscriptions; ended ones only when asked for by status."""
    return page(call, _with_status(sandbox, call.params), equal=["customer", "collection_method"])


def _with_status(sandbox: Sandbox, params: Params) -> Iterator[Json]:
    status = params.text("status")
    price = params.text("price")
    for sub in sandbox.state.all("subscription"):
        ended = sub["status"] in lifecycle.ENDED
        fits = {None: not ended, "all": True, "ended": ended}.get(status, sub["status"] == status)
        priced = price is None or any(item["price"]["id"] == price for item in sub["items"]["data"])
        if fits and priced:
            yield sub


ROUTES = [
    Route("POST", "/v1/subscriptions", create),
    Route("GET", "/v1/subscriptions", list_all),
    Route("GET", "/v1/subscriptions/{id}", retrieve),
    Route("POST", "/v1/subscriptions/{id}", update),
    Route("DELETE", "/v1/subscriptions/{id}", cancel),
    Route("POST", "/v1/subscriptions/{id}/resume", resume),
]
