"""What time does to subscriptions: renewals, trial ends, planned cancellations, expiry."""

from tests.fake_stripe.billing import collection, drafting, lifecycle
from tests.fake_stripe.billing.lifecycle import first_item, period_end
from tests.fake_stripe.billing.lines import item_line, subscription_line
from tests.fake_stripe.billing.periods import period_at
from tests.fake_stripe.errors import Json
from tests.fake_stripe.sandbox import Sandbox


def schedule(sandbox: Sandbox, sub: Json) -> None:
    """Put the end of the current period, and what comes before it, on the clock."""
    end = period_end(sub)
    sandbox.at(end, period_ended, sub["id"], end)
    if sub["status"] == "trialing":
        reminder = max(end - sandbox.settings.trial_reminder_seconds, sandbox.clock.now())
        sandbox.at(reminder, _trial_will_end, sub["id"], end)
    upcoming = end - sandbox.settings.upcoming_seconds
    if upcoming > sandbox.clock.now():
        sandbox.at(upcoming, _upcoming, sub["id"], end)


def schedule_cancel_at(sandbox: Sandbox, sub: Json) -> None:
    """Put a planned cancellation on the clock."""
    if sub["cancel_at"] is not None:
        sandbox.at(sub["cancel_at"], _cancel_as_planned, sub["id"], sub["cancel_at"])


def schedule_expiry(sandbox: Sandbox, sub: Json) -> None:
    """Let a subscription whose first payment never comes expire."""
    sandbox.at(sandbox.clock.now() + sandbox.settings.incomplete_seconds, _expire, sub["id"])


def _current(sandbox: Sandbox, sub_id: str, end: int) -> Json | None:
    """Return the subscription if it still has the period that ends at `end`."""
    sub = sandbox.state.get("subscription", sub_id)
    gone = sub["status"] in lifecycle.ENDED or period_end(sub) != end
    return None if gone else sub


def _trial_will_end(sandbox: Sandbox, sub_id: str, end: int) -> None:
    sub = _current(sandbox, sub_id, end)
    if sub is not None and sub["status"] == "trialing":
        sandbox.emit("customer.subscription.trial_will_end", sub)


def _upcoming(sandbox: Sandbox, sub_id: str, end: int) -> None:
    sub = _current(sandbox, sub_id, end)
    if sub is None or sub["cancel_at_period_end"] or sub["status"] not in {"active", "trialing"}:
        return
    customer = sandbox.state.get("customer", sub["customer"])
    lines = [subscription_line(sandbox, sub, item) for item in sub["items"]["data"]]
    sent = {**sub, "discounts": []}
    preview = drafting.build(
        sandbox, customer, lines, reason="upcoming", sub=sent, currency=sub["currency"], period=(end, end)
    )
    preview["id"] = f"upcoming_{preview['id']}"
    sandbox.emit("invoice.upcoming", preview)


def _cancel_as_planned(sandbox: Sandbox, sub_id: str, due: int) -> None:
    sub = sandbox.state.get("subscription", sub_id)
    if sub["status"] not in lifecycle.ENDED and sub["cancel_at"] == due:
        lifecycle.cancel_now(sandbox, sub, reason="cancellation_requested")


def _expire(sandbox: Sandbox, sub_id: str) -> None:
    sub = sandbox.state.get("subscription", sub_id)
    if sub["status"] != "incomplete":
        return
    invoice = sandbox.state.get("invoice", sub["latest_invoice"])
    if invoice["status"] == "open":
        collection.void(sandbox, invoice)
    with sandbox.changing(sub):
        sub |= {"status": "incomplete_expired", "ended_at": sandbox.clock.timestamp()}


def period_ended(sandbox: Sandbox, sub_id: str, end: int) -> None:
    """Cancel or renew a subscription whose period is over."""
    sub = _current(sandbox, sub_id, end)
    if sub is None or sub["status"] in {"incomplete", "paused"}:
        return
    if sub["cancel_at_period_end"]:
        lifecycle.cancel_now(sandbox, sub, reason="cancellation_requested")
    elif sub["status"] == "trialing" and not _goes_on_after_trial(sandbox, sub):
        return
    else:
        renew(sandbox, sub)


def _goes_on_after_trial(sandbox: Sandbox, sub: Json) -> bool:
    """Whether a trial turns into a paid period; without a card its settings decide."""
    customer = sandbox.state.get("customer", sub["customer"])
    behavior = sub["trial_settings"]["end_behavior"]["missing_payment_method"]
    if lifecycle.method_of(sandbox, customer, sub) or behavior == "create_invoice":
        return True
    if behavior == "cancel":
        lifecycle.cancel_now(sandbox, sub, reason=None)
    else:
        with sandbox.changing(sub):
            sub["status"] = "paused"
        sandbox.emit("customer.subscription.paused", sub)
    return False


def renew(sandbox: Sandbox, sub: Json) -> None:
    """Start the next period and draft its invoice, to be finalized an hour later."""
    ended = period_end(sub)
    customer = sandbox.state.get("customer", sub["customer"])
    with sandbox.changing(sub):
        move_period(sub, ended)
        if sub["status"] == "trialing":
            sub["status"] = "active"
        invoice = _cycle_invoice(sandbox, sub, customer, ended)
        sub["latest_invoice"] = invoice["id"]
    schedule(sandbox, sub)
    if invoice["auto_advance"]:
        sandbox.at(invoice["automatically_finalizes_at"], advance_draft, invoice["id"])


def move_period(sub: Json, moment: int) -> None:
    """Give every item the period that contains `moment`."""
    recurring = first_item(sub)["price"]["recurring"]
    start, end = period_at(sub["billing_cycle_anchor"], recurring, moment)
    for item in sub["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def _cycle_invoice(sandbox: Sandbox, sub: Json, customer: Json, ended: int) -> Json:
    lines = pending_lines(sandbox, sub)
    lines += [subscription_line(sandbox, sub, item) for item in sub["items"]["data"]]
    paused = sub["pause_collection"] or {}
    held = paused.get("behavior") == "keep_as_draft" or sub["status"] == "unpaid"
    finalizes = sandbox.clock.timestamp() + sandbox.settings.draft_seconds
    return drafting.draft(
        sandbox,
        customer,
        lines,
        reason="subscription_cycle",
        sub=sub,
        currency=sub["currency"],
        period=(ended, sandbox.clock.timestamp()),
        auto_advance=not held,
        automatically_finalizes_at=None if held else finalizes,
    )


def pending_lines(sandbox: Sandbox, sub: Json) -> list[Json]:
    """Turn the subscription's pending invoice items (prorations) into lines."""
    pending = [
        item
        for item in sandbox.state.where("invoiceitem", customer=sub["customer"], invoice=None)
        if ((item["parent"] or {}).get("subscription_details") or {}).get("subscription") == sub["id"]
    ]
    return [item_line(sandbox, item) for item in pending]


def advance_draft(sandbox: Sandbox, invoice_id: str) -> None:
    """Finalize a draft that waited its hour, and collect it the way its subscription asks."""
    invoice = sandbox.state.tables["invoice"].get(invoice_id)
    if invoice is None or invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    collection.finalize(sandbox, invoice)
    if invoice["status"] != "open":
        return
    sub = lifecycle.subscription_of(sandbox, invoice)
    behavior = ((sub or {}).get("pause_collection") or {}).get("behavior")
    if behavior == "void":
        collection.void(sandbox, invoice)
    elif behavior == "mark_uncollectible":
        collection.mark_uncollectible(sandbox, invoice)
    elif invoice["collection_method"] == "charge_automatically":
        collection.collect(sandbox, invoice)
