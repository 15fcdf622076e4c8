"""A new subscription: its object, its first invoice and its first payment."""

from tests.fake_stripe.billing import collection, cycle, discounting, drafting, lifecycle
from tests.fake_stripe.billing.lines import subscription_line
from tests.fake_stripe.billing.periods import period_at
from tests.fake_stripe.errors import Json, decline_error, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.resources import catalog
from tests.fake_stripe.sandbox import Sandbox

DAY = 86400

BEHAVIORS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")


def new_item(sandbox: Sandbox, sub_id: str, params: Params, discount: bool = False) -> Json:
    """Return a subscription item from `items[n]` parameters, without its period."""
    price = _price(sandbox, params)
    if price["recurring"] is None:
        raise invalid(
            f"The price specified is set to `type=one_time` but this field only accepts prices with "
            f"`type=recurring`: {price['id']}.",
            param=params.name("price"),
        )
    return {
        "id": sandbox.ids.new("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": sandbox.clock.timestamp(),
        "discounts": [],
        "metadata": params.metadata(),
        "plan": catalog.plan_of(price),
        "price": dict(price),
        "quantity": params.integer("quantity", 1),
        "subscription": sub_id,
        "tax_rates": [],
    }


def _price(sandbox: Sandbox, params: Params) -> Json:
    if "price_data" in params:
        return catalog.price_from(sandbox, params.nested("price_data"))
    price_id = params.text("price") or params.text("plan")
    if price_id is None:
        raise invalid(f"Missing required param: {params.name('price')}.", code="parameter_missing")
    price = sandbox.state.get("price", price_id, params.name("price"))
    if not price["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.")
    return price


def owned_method(sandbox: Sandbox, customer: Json, method_id: str | None) -> str | None:
    """Return `method_id` if it is saved to the customer, else Stripe's refusal."""
    if method_id is None:
        return None
    method = sandbox.state.tables["payment_method"].get(method_id)
    if method is None or method["customer"] != customer["id"]:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. "
            "The payment method must be attached to the customer."
        )
        raise invalid(message, param="default_payment_method", code="resource_missing")
    return method_id


def trial_end_of(sandbox: Sandbox, params: Params) -> int | None:
    """Return the moment a requested trial ends, or None for no trial."""
    now = sandbox.clock.timestamp()
    days = params.integer("trial_period_days")
    if days:
        return now + days * DAY
    end = params.text("trial_end")
    if end in (None, "now"):
        return None
    if int(end or 0) <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return int(end or 0)


def start(sandbox: Sandbox, params: Params) -> Json:
    """Create a subscription, its first invoice and, unless told to wait, its first payment."""
    customer = sandbox.customer(params.required("customer"), "customer")
    behavior = params.text("payment_behavior") or "allow_incomplete"
    if behavior not in BEHAVIORS:
        raise invalid(f"Invalid payment_behavior: must be one of {', '.join(BEHAVIORS)}", param="payment_behavior")
    sub = _new_subscription(sandbox, customer, params)
    _refuse_early(sandbox, sub, customer, behavior)
    discounts = discounting.requested(sandbox, params)
    sandbox.state.add(sub)
    discounting.give(sandbox, sub, discounts)
    invoice = _first_invoice(sandbox, sub, customer)
    sub["latest_invoice"] = invoice["id"]
    sandbox.emit("customer.subscription.created", sub)
    drafting.publish(sandbox, invoice)
    _collect_first(sandbox, sub, invoice, behavior)
    cycle.schedule(sandbox, sub)
    cycle.schedule_cancel_at(sandbox, sub)
    if sub["status"] == "incomplete":
        cycle.schedule_expiry(sandbox, sub)
    return sub


def _new_subscription(sandbox: Sandbox, customer: Json, params: Params) -> Json:
    if not params.each("items"):
        raise invalid("Missing required param: items.", param="items", code="parameter_missing")
    sub = sandbox.new("subscription", "sub", customer=customer["id"])
    items = [new_item(sandbox, sub["id"], one) for one in params.each("items")]
    trial_end = trial_end_of(sandbox, params)
    now = sub["created"]
    anchor = trial_end or params.integer("billing_cycle_anchor") or now
    start, end = period_at(anchor, items[0]["price"]["recurring"], now)
    for item in items:
        item |= {"current_period_start": start, "current_period_end": end}
    sub |= _defaults() | {
        "billing_cycle_anchor": anchor,
        "cancel_at": params.integer("cancel_at"),
        "cancel_at_period_end": params.boolean("cancel_at_period_end"),
        "collection_method": params.text("collection_method") or "charge_automatically",
        "currency": items[0]["price"]["currency"],
        "days_until_due": params.integer("days_until_due"),
        "default_payment_method": owned_method(sandbox, customer, params.text("default_payment_method")),
        "description": params.text("description"),
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={sub['id']}",
        },
        "metadata": params.metadata(),
        "start_date": now,
        "status": "trialing" if trial_end else "incomplete",
        "trial_end": trial_end,
        "trial_start": now if trial_end else None,
    }
    return _with_settings(sub, params)


def _with_settings(sub: Json, params: Params) -> Json:
    payment = params.nested("payment_settings")
    keep = payment.text("save_default_payment_method") or "off"
    sub["payment_settings"] = {
        "payment_method_options": None,
        "payment_method_types": payment.strings("payment_method_types") or None,
        "save_default_payment_method": keep,
    }
    ending = params.nested("trial_settings").nested("end_behavior")
    missing = ending.text("missing_payment_method") or "create_invoice"
    sub["trial_settings"] = {"end_behavior": {"missing_payment_method": missing}}
    if sub["cancel_at_period_end"]:
        sub |= {"cancel_at": lifecycle.period_end(sub), "canceled_at": sub["created"]}
        sub["cancellation_details"]["reason"] = "cancellation_requested"
    return sub


def _defaults() -> Json:
    nothing = (
        "application",
        "application_fee_percent",
        "billing_cycle_anchor_config",
        "billing_thresholds",
        "canceled_at",
        "customer_account",
        "default_source",
        "ended_at",
        "latest_invoice",
        "next_pending_invoice_item_invoice",
        "on_behalf_of",
        "pause_collection",
        "pending_invoice_item_interval",
        "pending_setup_intent",
        "pending_update",
        "schedule",
        "test_clock",
        "transfer_data",
    )
    return dict.fromkeys(nothing) | {
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    }


def _refuse_early(sandbox: Sandbox, sub: Json, customer: Json, behavior: str) -> None:
    """Raise what Stripe raises before anything exists: no card at all, or error_if_incomplete."""
    free = sub["status"] == "trialing" or behavior == "default_incomplete"
    if free or sub["collection_method"] == "send_invoice":
        return
    method = lifecycle.method_of(sandbox, customer, sub)
    if method is None:
        message = (
            "This customer has no attached payment source or default payment method. "
            "Please consider adding a default payment method."
        )
        raise invalid(message, code="resource_missing")
    if behavior != "error_if_incomplete":
        return
    wants_customer = sandbox.cards.wants_authentication(method)
    decline = "authentication_required" if wants_customer else sandbox.cards.declines_charge(method)
    if decline:
        raise decline_error(decline)


def _first_invoice(sandbox: Sandbox, sub: Json, customer: Json) -> Json:
    trial = sub["status"] == "trialing"
    lines = [subscription_line(sandbox, sub, item, trial=trial) for item in sub["items"]["data"]]
    reason = "subscription_create"
    return drafting.build(sandbox, customer, lines, reason=reason, sub=sub, currency=sub["currency"])


def _collect_first(sandbox: Sandbox, sub: Json, invoice: Json, behavior: str) -> None:
    if sub["collection_method"] == "send_invoice":
        _send(sandbox, sub, invoice)
        return
    collection.finalize(sandbox, invoice)
    if invoice["status"] == "open" and behavior != "default_incomplete":
        collection.collect(sandbox, invoice)


def _send(sandbox: Sandbox, sub: Json, invoice: Json) -> None:
    invoice["due_date"] = sandbox.clock.timestamp() + (sub["days_until_due"] or 30) * DAY
    if sub["status"] == "incomplete":
        with sandbox.changing(sub):
            sub["status"] = "active"
    collection.finalize(sandbox, invoice)
    sandbox.emit("invoice.sent", invoice)
