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
WATCH_TASK = "billing.watch"
CHECK_ENDPOINT_TASK = "billing.check_endpoint"
FILL_GAPS_TASK = "billing.fill_gaps"
RECONCILE_TASK = "billing.reconcile"
EXPIRE_PAYLOADS_TASK = "billing.expire_payloads"
MAINTENANCE_QUEUE = "billing.maintenance"
# A list on which idle workers wait; an entry says that there is a message somewhere.
BELL = "bell"
# Where messages go that are no message of Celery's.
UNREADABLE = "unreadable"

COMMANDS_QUEUE = "billing.commands"
RUN_COMMAND_TASK = "billing.run_command"
SWEEP_COMMANDS_TASK = "billing.sweep_commands"
# What a backend service sends: each task is the command of the same name.
COMMAND_TASKS = (
    "billing.create_subscription",
    "billing.update_subscription",
    "billing.cancel_subscription",
    "billing.refund_invoice",
)

QUEUES = (*Family, COMMANDS_QUEUE, MAINTENANCE_QUEUE)
