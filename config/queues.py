"""The names that producers, workers, Flower and the sweep must agree on, in one place."""

from enum import StrEnum


class Family(StrEnum):
    """A family of event types: its value names the Celery task and its queue."""

    SUBSCRIPTION = "stripe.subscription"
    INVOICE = "stripe.invoice"
    PAYMENT_METHOD = "stripe.payment_method"
    DISPUTE = "stripe.dispute"
    REFUND = "stripe.refund"
    CUSTOMER = "stripe.customer"


SWEEP_TASK = "billing.sweep"
MAINTENANCE_QUEUE = "billing.maintenance"

QUEUES = (*Family, MAINTENANCE_QUEUE)
