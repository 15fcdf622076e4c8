"""A subscription's states and what moves it between them."""

from tests.fake_stripe.errors import Json
from tests.fake_stripe.sandbox import Sandbox

# A subscription in one of these has nothing more to come.
ENDED = frozenset({"canceled", "incomplete_expired"})


def first_item(sub: Json) -> Json:
    """Return the item whose period is the subscription's; all of ours share one."""
    item: Json = sub["items"]["data"][0]
    return item


def period_end(sub: Json) -> int:
    """Return the end of the current period in Unix seconds."""
    end: int = first_item(sub)["current_period_end"]
    return end


def subscription_of(sandbox: Sandbox, invoice: Json) -> Json | None:
    """Return the subscription an invoice bills, if any."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return sandbox.state.get("subscription", details["subscription"]) if details else None


def method_of(sandbox: Sandbox, customer: Json, sub: Json | None) -> str | None:
    """Return the payment method Stripe would charge now: the subscription's, else the customer's."""
    own: str | None = sub["default_payment_method"] if sub else None
    settings = customer.get("invoice_settings") or {}
    return own or settings.get("default_payment_method")


def invoice_paid(sandbox: Sandbox, invoice: Json) -> None:
    """Bring the subscription back to life once its latest invoice is paid."""
    sub = subscription_of(sandbox, invoice)
    if sub is None or sub["status"] in ENDED or sub["latest_invoice"] != invoice["id"]:
        return
    with sandbox.changing(sub):
        if sub["status"] in {"incomplete", "past_due", "unpaid"}:
            sub["status"] = "active"
        _keep_method(sandbox, sub, invoice)


def _keep_method(sandbox: Sandbox, sub: Json, invoice: Json) -> None:
    if sub["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    payments = sandbox.state.where("invoice_payment", invoice=invoice["id"])
    for payment in payments:
        intent = sandbox.state.get("payment_intent", payment["payment"]["payment_intent"])
        sub["default_payment_method"] = intent["payment_method"] or sub["default_payment_method"]


def payment_failed(sandbox: Sandbox, sub: Json) -> None:
    """A renewal could not be collected and will be tried again."""
    with sandbox.changing(sub):
        if sub["status"] in {"active", "trialing"}:
            sub["status"] = "past_due"


def retries_exhausted(sandbox: Sandbox, sub: Json) -> None:
    """Do what the account's settings say once no retry is left."""
    choice = sandbox.settings.after_last_retry
    if choice == "cancel":
        cancel_now(sandbox, sub, reason="payment_failed")
        return
    with sandbox.changing(sub):
        sub["status"] = choice


def cancel_now(sandbox: Sandbox, sub: Json, *, reason: str | None) -> None:
    """End a subscription and stop collecting its unpaid invoices."""
    now = sandbox.clock.timestamp()
    sub |= {
        "status": "canceled",
        "canceled_at": sub["canceled_at"] or now,
        "ended_at": now,
        "cancel_at_period_end": False,
        "cancel_at": sub["cancel_at"],
    }
    sub["cancellation_details"]["reason"] = reason
    for invoice in list(sandbox.state.tables["invoice"].values()):
        details = (invoice["parent"] or {}).get("subscription_details") or {}
        if details.get("subscription") == sub["id"] and invoice["status"] in {"draft", "open"}:
            with sandbox.changing(invoice):
                invoice |= {"auto_advance": False, "next_payment_attempt": None}
    sandbox.emit("customer.subscription.deleted", sub)
