"""The tables, one module each. docs/schema.md has every column with its meaning and origin."""

from billing_core.models.billing_action import BillingAction
from billing_core.models.billing_checkpoint import BillingCheckpoint
from billing_core.models.billing_command import BillingCommand
from billing_core.models.billing_customer import BillingCustomer
from billing_core.models.billing_event import BillingEvent
from billing_core.models.declarative import NEVER, Model, Versioned
from billing_core.models.dispute import Dispute
from billing_core.models.invoice import Invoice
from billing_core.models.invoice_payment import InvoicePayment
from billing_core.models.payment_method import PaymentMethod
from billing_core.models.refund import Refund
from billing_core.models.subscription import Subscription
from billing_core.models.user import User

__all__ = [
    "NEVER",
    "BillingAction",
    "BillingCheckpoint",
    "BillingCommand",
    "BillingCustomer",
    "BillingEvent",
    "Dispute",
    "Invoice",
    "InvoicePayment",
    "Model",
    "PaymentMethod",
    "Refund",
    "Subscription",
    "User",
    "Versioned",
]
