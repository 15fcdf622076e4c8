"""Billing what changed in the middle of a period: at once, with the next invoice, or not at all."""

from tests.fake_stripe.billing import collection, cycle, drafting, lifecycle, proration
from tests.fake_stripe.billing.lines import subscription_line
from tests.fake_stripe.errors import Json
from tests.fake_stripe.forms import Params
from tests.fake_stripe.sandbox import Sandbox


def bill_changes(sandbox: Sandbox, sub: Json, params: Params, before: list[Json]) -> Json | None:
    behavior = params.text("proration_behavior") or "create_prorations"
    changed = _interval(before[0]) != _interval(lifecycle.first_item(sub))
    restarts = changed or params.text("billing_cycle_anchor") == "now"
    touched = bool(params.each("items")) or restarts
    if not touched or sub["status"] in {"trialing", "incomplete"}:
        return None
    if behavior != "none":
        (proration.credit_unused if restarts else proration.prorate)(sandbox, sub, before)
    if restarts:
        sub["billing_cycle_anchor"] = sandbox.clock.timestamp()
        restart_period(sandbox, sub)
        return draft_now(sandbox, sub, period_lines(sandbox, sub))
    return draft_now(sandbox, sub, []) if behavior == "always_invoice" else None


def _interval(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def restart_period(sandbox: Sandbox, sub: Json) -> None:
    cycle.move_period(sub, sandbox.clock.timestamp())
    cycle.schedule(sandbox, sub)


def period_lines(sandbox: Sandbox, sub: Json) -> list[Json]:
    return [subscription_line(sandbox, sub, item) for item in sub["items"]["data"]]


def draft_now(sandbox: Sandbox, sub: Json, lines: list[Json]) -> Json | None:
    """Draft an invoice for what is pending and for `lines`, if there is anything."""
    everything = cycle.pending_lines(sandbox, sub) + lines
    if not everything:
        return None
    customer = sandbox.customer(sub["customer"])
    currency = sub["currency"]
    invoice = drafting.draft(sandbox, customer, everything, reason="subscription_update", sub=sub, currency=currency)
    sub["latest_invoice"] = invoice["id"]
    return invoice


def collect_now(sandbox: Sandbox, sub: Json, invoice: Json | None) -> None:
    if invoice is None:
        return
    collection.finalize(sandbox, invoice)
    if invoice["status"] == "open" and sub["collection_method"] == "charge_automatically":
        collection.collect(sandbox, invoice)
