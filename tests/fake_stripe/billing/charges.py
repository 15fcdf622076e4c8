"""Charges: one attempt each to move money, and what it does to the account's balance."""

from tests.fake_stripe.errors import Json, decline_error
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS


def new_charge(sandbox: Sandbox, intent: Json, method: Json, decline: str | None) -> Json:
    """Return the charge an attempt on `intent` made, failed if there is a decline code."""
    charge = sandbox.new("charge", "ch", amount=intent["amount"], currency=intent["currency"])
    charge |= _charge_defaults() | {
        "amount_captured": 0 if decline else intent["amount"],
        "billing_details": dict(method["billing_details"]),
        "calculated_statement_descriptor": None if decline else "AI RESUME",
        "captured": not decline,
        "customer": intent["customer"],
        "description": intent["description"],
        "outcome": _outcome(decline),
        "paid": not decline,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(method, intent["amount"]),
        "receipt_url": None if decline else f"https://pay.stripe.com/receipts/{sandbox.ids.tail(40)}",
        "status": "failed" if decline else "succeeded",
    }
    if decline:
        error = decline_error(decline).error
        charge |= {"failure_code": error["code"], "failure_message": error["message"]}
    else:
        charge["balance_transaction"] = balance_transaction(sandbox, charge["id"], charge, "charge")["id"]
    charge[LINKS] = {"invoice": intent[LINKS].get("invoice")}
    return sandbox.state.add(charge)


def _charge_defaults() -> Json:
    nothing = (
        "application",
        "application_fee",
        "application_fee_amount",
        "balance_transaction",
        "failure_balance_transaction",
        "failure_code",
        "failure_message",
        "on_behalf_of",
        "receipt_email",
        "receipt_number",
        "review",
        "shipping",
        "source_transfer",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    )
    return dict.fromkeys(nothing) | {
        "amount_refunded": 0,
        "disputed": False,
        "fraud_details": {},
        "metadata": {},
        "refunded": False,
    }


def _outcome(decline: str | None) -> Json:
    return {
        "advice_code": "try_again_later" if decline else None,
        "network_advice_code": None,
        "network_decline_code": "05" if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank declined the payment." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _method_details(method: Json, amount: int) -> Json:
    card = method["card"]
    kept = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    details: Json = {key: card[key] for key in kept}
    details |= {
        "amount_authorized": amount,
        "authorization_code": None,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "regulated_status": "unregulated",
        "three_d_secure": None,
    }
    return {"card": details, "type": "card"}


def balance_transaction(sandbox: Sandbox, source: str, charge: Json, kind: str) -> Json:
    """Record a movement of the account's balance (Australian domestic card fees)."""
    sign = 1 if kind == "charge" else -1
    amount = sign * charge["amount"]
    fee = round(charge["amount"] * 0.0175) + 30 if kind == "charge" else 0
    detail = {"amount": fee, "application": None, "currency": charge["currency"], "type": "stripe_fee"}
    moved = sandbox.new("balance_transaction", "txn", amount=amount, currency=charge["currency"])
    moved |= {
        "available_on": moved["created"] + 2 * 86400,
        "balance_type": "payments",
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail | {"description": "Stripe processing fees"}] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source,
        "status": "pending",
        "type": kind,
    }
    del moved["livemode"]
    return sandbox.state.add(moved)
