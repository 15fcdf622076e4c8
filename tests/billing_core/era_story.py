"""The records that the story of `tests/eras` comes to, by the type of the event that tells of them."""

from datetime import UTC, datetime

from tests.building import Json

DAY = 86_400
T0 = 1_793_577_600  # the trial is over and the first period begins


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(T0 + seconds, UTC)


CUSTOMER_TOLD: Json = {
    "stripe_customer_id": "cus_QmT4x8VnRkEra1",
    "named_user": "4217",
    "app": None,
    "default_payment_method": "card_1QmTdAJ9uWcR7dLsOldCard1",
    "deleted_at": None,
}
SUBSCRIPTION_TOLD: Json = {
    "stripe_subscription_id": "sub_1QmTfEJ9uWcR7dLsXeraSub1",
    "stripe_customer_id": "cus_QmT4x8VnRkEra1",
    "status": "active",
    "current_period_start": at(30 * DAY),
    "current_period_end": at(61 * DAY),
    "cancel_at_period_end": True,
    "stripe_price_id": "resume-monthly",
    "quantity": 1,
    "cancel_at": at(61 * DAY),
    "canceled_at": at(40 * DAY),
    "ended_at": None,
    "trial_end": at(0),
    "default_payment_method": "card_1QmTdAJ9uWcR7dLsOldCard1",
    "latest_invoice": "in_1QxQ8hJ9uWcR7dLsSecond02",
    "stripe_created_at": at(-7 * DAY),
}
INVOICE_TOLD: Json = {
    "stripe_invoice_id": "in_1QmTfGJ9uWcR7dLsFirst001",
    "stripe_customer_id": "cus_QmT4x8VnRkEra1",
    "stripe_subscription_id": "sub_1QmTfEJ9uWcR7dLsXeraSub1",
    "amount": 1000,
    "amount_due": 1000,
    "amount_paid": 1000,
    "amount_remaining": 0,
    "currency": "AUD",
    "status": "paid",
    "due_date": None,
    "paid_at": at(4),
    "number": "3F6687B5-0002",
    "billing_reason": "subscription_cycle",
    "attempt_count": 1,
    "next_payment_attempt": None,
    "period_start": at(-7 * DAY),
    "period_end": at(0),
    "stripe_created_at": at(0),
}
PAYMENT_METHOD_TOLD: Json = {
    "stripe_payment_method_id": "pm_1QnXb3J9uWcR7dLsNewCard2",
    "stripe_customer_id": "cus_QmT4x8VnRkEra1",
    "type": "card",
    "last4": "4444",
    "brand": "mastercard",
    "exp_month": 3,
    "exp_year": 2031,
    "detached_at": None,
}
TOLD: dict[str, Json] = {
    "customer.updated": CUSTOMER_TOLD,
    "customer.deleted": CUSTOMER_TOLD | {"default_payment_method": None, "deleted_at": at(62 * DAY)},
    "customer.subscription.updated": SUBSCRIPTION_TOLD,
    "customer.subscription.deleted": SUBSCRIPTION_TOLD | {"status": "canceled", "ended_at": at(61 * DAY)},
    "invoice.payment_succeeded": INVOICE_TOLD,
    "invoice.payment_failed": INVOICE_TOLD
    | {
        "stripe_invoice_id": "in_1QxQ8hJ9uWcR7dLsSecond02",
        "amount_paid": 0,
        "amount_remaining": 1000,
        "status": "open",
        "paid_at": None,
        "number": "3F6687B5-0003",
        "next_payment_attempt": at(33 * DAY + 3600),
        "period_start": at(0),
        "period_end": at(30 * DAY),
        "stripe_created_at": at(30 * DAY),
    },
    "payment_method.attached": PAYMENT_METHOD_TOLD,
    "payment_method.detached": PAYMENT_METHOD_TOLD | {"detached_at": at(61 * DAY + 3600)},
    "charge.dispute.created": {
        "stripe_dispute_id": "dp_1QoKs6J9uWcR7dLsDispute1",
        "stripe_charge_id": "ch_3QmTfHJ9uWcR7dLs0charge1",
        "stripe_payment_intent_id": "pi_3QmTfHJ9uWcR7dLs0first01",
        "stripe_customer_id": None,
        "stripe_invoice_id": None,
        "amount": 1000,
        "currency": "AUD",
        "reason": "product_not_received",
        "status": "needs_response",
        "evidence_due_by": at(21 * DAY),
        "stripe_created_at": at(12 * DAY),
    },
    "refund.created": {
        "stripe_refund_id": "re_3QmTfHJ9uWcR7dLs0refund1",
        "stripe_charge_id": "ch_3QmTfHJ9uWcR7dLs0charge1",
        "stripe_payment_intent_id": "pi_3QmTfHJ9uWcR7dLs0first01",
        "stripe_customer_id": None,
        "stripe_invoice_id": None,
        "amount": 250,
        "currency": "AUD",
        "status": "succeeded",
        "reason": "requested_by_customer",
        "failure_reason": None,
        "stripe_created_at": at(5 * DAY),
    },
    "invoice_payment.paid": {
        "stripe_invoice_payment_id": "inpay_1QmTfHJ9uWcR7dLsPaid01",
        "stripe_invoice_id": "in_1QmTfGJ9uWcR7dLsFirst001",
        "stripe_payment_intent_id": "pi_3QmTfHJ9uWcR7dLs0first01",
        "stripe_charge_id": None,
        "amount_paid": 1000,
        "amount_requested": 1000,
        "currency": "AUD",
        "status": "paid",
        "paid_at": at(4),
        "stripe_created_at": at(2),
    },
}
