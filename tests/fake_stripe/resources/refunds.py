"""Refunds, whole and in part."""

from tests.fake_stripe.billing.charges import balance_transaction
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import listed, page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox


def create(sandbox: Sandbox, call: Call) -> Json:
    """Refund a charge, whole or in part."""
    charge = _refunded_charge(sandbox, call)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = call.params.integer("amount", left) or 0
    if left <= 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount ({left}).", param="amount")
    refund = sandbox.new("refund", "re", amount=amount, currency=charge["currency"], charge=charge["id"])
    del refund["livemode"]
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    refund |= {
        "balance_transaction": None,
        "destination_details": {"card": card, "type": "card"},
        "metadata": call.params.metadata(),
        "payment_intent": charge["payment_intent"],
        "reason": call.params.text("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    refund["balance_transaction"] = balance_transaction(sandbox, refund["id"], refund, "refund")["id"]
    sandbox.state.add(refund)
    _book_refund(sandbox, charge, refund)
    return refund


def _book_refund(sandbox: Sandbox, charge: Json, refund: Json) -> None:
    sandbox.emit("refund.created", refund)
    with sandbox.changing(charge, "charge.refunded"):
        charge["amount_refunded"] += refund["amount"]
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    sandbox.emit("refund.updated", refund, {"destination_details": {"card": {"reference": None}}})
    sandbox.emit("charge.refund.updated", refund, {"destination_details": {"card": {"reference": None}}})


def _refunded_charge(sandbox: Sandbox, call: Call) -> Json:
    charge_id = call.params.text("charge")
    if charge_id is None:
        intent_id = call.params.required("payment_intent")
        charge_id = sandbox.state.get("payment_intent", intent_id, "payment_intent")["latest_charge"]
    charge = sandbox.state.get("charge", charge_id or "", "charge")
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} was not paid and cannot be refunded.", param="charge")
    return charge


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change a refund's metadata."""
    refund = sandbox.state.get("refund", call.id)
    with sandbox.changing(refund):
        refund["metadata"] = call.params.metadata(refund["metadata"])
    return refund


def refunds_of(sandbox: Sandbox, charge: Json) -> Json:
    """Return the `refunds` list that appears on a charge when expanded."""
    found = sandbox.state.where("refund", charge=charge["id"])
    return listed(found[::-1], f"/v1/charges/{charge['id']}/refunds")


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List refunds by charge or intent."""
    return page(call, sandbox.state.all("refund"), equal=["charge", "payment_intent"])


ROUTES = [
    Route("POST", "/v1/refunds", create),
    Route("GET", "/v1/refunds", list_all),
    Route("GET", "/v1/refunds/{id}", lambda sandbox, call: sandbox.state.get("refund", call.id)),
    Route("POST", "/v1/refunds/{id}", update),
]
