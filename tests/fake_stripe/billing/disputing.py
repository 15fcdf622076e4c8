"""Disputes and inquiries: opened by a card's bank, answered, won or lost."""

from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.sandbox import Sandbox

ANSWER_DAYS = 9

EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)

CLOSED = frozenset({"won", "lost", "warning_closed"})

OPEN_STATUSES = frozenset(
    {"needs_response", "under_review", "warning_needs_response", "warning_under_review", "prevented"}
)


def open_dispute(
    sandbox: Sandbox,
    charge_id: str,
    reason: str = "fraudulent",
    amount: int | None = None,
    inquiry: bool = False,
) -> Json:
    """Let the bank dispute a charge; an inquiry moves no money yet."""
    charge = sandbox.state.get("charge", charge_id, "charge")
    if not charge["paid"]:
        raise invalid("Only a paid charge can be disputed.", param="charge")
    with sandbox.changing(charge):
        charge["disputed"] = True
    dispute = _dispute(sandbox, charge, reason, amount or charge["amount"], inquiry)
    sandbox.state.add(dispute)
    sandbox.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(sandbox, dispute)
    return dispute


def _dispute(sandbox: Sandbox, charge: Json, reason: str, amount: int, inquiry: bool) -> Json:
    dispute = sandbox.new("dispute", "du", amount=amount, currency=charge["currency"])
    evidence: Json = dict.fromkeys(EVIDENCE)
    evidence["customer_name"] = charge["billing_details"]["name"]
    case = {"brand": "visa", "case_type": "inquiry" if inquiry else "chargeback"}
    return dispute | {
        "balance_transaction": None,
        "balance_transactions": [],
        "charge": charge["id"],
        "enhanced_eligibility_types": [],
        "evidence": evidence | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": dispute["created"] + ANSWER_DAYS * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": case | {"network_reason_code": "10.4"}, "type": "card"},
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def _withdraw(sandbox: Sandbox, dispute: Json) -> None:
    _book(sandbox, dispute, -dispute["amount"], "dispute")
    sandbox.emit("charge.dispute.funds_withdrawn", dispute)


def _book(sandbox: Sandbox, dispute: Json, amount: int, category: str) -> None:
    fee = 2500 if amount < 0 else 0
    detail = {"amount": fee, "application": None, "currency": dispute["currency"], "type": "stripe_fee"}
    moved = sandbox.new("balance_transaction", "txn", amount=amount, currency=dispute["currency"])
    moved |= {
        "available_on": moved["created"],
        "balance_type": "payments",
        "description": f"Chargeback for {dispute['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail | {"description": "Dispute fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }
    del moved["livemode"]
    sandbox.state.add(moved)
    dispute["balance_transactions"].append(moved)


def move(sandbox: Sandbox, dispute: Json, status: str) -> Json:
    """Bring a dispute to `status`, with the events of that step."""
    if dispute["status"] in CLOSED:
        raise invalid(f"This dispute is already {dispute['status']}.")
    if status not in CLOSED | OPEN_STATUSES:
        raise invalid(f"Invalid dispute status: {status}", param="status")
    if status == "needs_response" and not dispute["balance_transactions"]:
        _withdraw(sandbox, dispute)  # the inquiry became a chargeback
    if status in CLOSED:
        _close(sandbox, dispute, status)
    else:
        with sandbox.changing(dispute):
            dispute["status"] = status
    return dispute


def _close(sandbox: Sandbox, dispute: Json, status: str) -> None:
    dispute["status"] = status
    if status == "won":
        _book(sandbox, dispute, dispute["amount"], "dispute_reversal")
    sandbox.emit("charge.dispute.closed", dispute)
    if status == "won":
        sandbox.emit("charge.dispute.funds_reinstated", dispute)
    if status == "warning_closed":
        charge = sandbox.state.get("charge", dispute["charge"])
        with sandbox.changing(charge):
            charge["disputed"] = False
