"""The kinds of Stripe objects that we keep, each with its table, its reader and its place in Stripe's API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, cast

from sqlalchemy import Column, RowMapping, Table
from sqlalchemy.orm import InstrumentedAttribute

from billing_core.models import (
    BillingCustomer,
    Dispute,
    Invoice,
    InvoicePayment,
    PaymentMethod,
    Refund,
    Subscription,
)
from billing_core.ordering import State
from billing_core.records import (
    CustomerRecord,
    DisputeRecord,
    InvoicePaymentRecord,
    InvoiceRecord,
    PaymentMethodRecord,
    Record,
    RefundRecord,
    SubscriptionRecord,
)
from billing_core.shapes import (
    customer_record,
    dispute_record,
    invoice_payment_record,
    invoice_record,
    payment_method_record,
    refund_record,
    subscription_record,
)

Model = type[Subscription | Invoice | PaymentMethod | Dispute | Refund | InvoicePayment | BillingCustomer]


@dataclass(frozen=True, eq=False)
class Kind:
    """How one kind of object is read and kept.

    Attributes:
        record: the typed record.
        model: its table.
        primary_key: the attribute with our own ID.
        stripe_key: the attribute with Stripe's ID.
        path: Stripe's API path, without the ID.
        read: reads the object in any shape.
    """

    record: type[Record]
    model: Model
    primary_key: str
    stripe_key: str
    path: str
    read: Callable[[Mapping[str, Any]], Record]

    def attribute(self, name: str) -> InstrumentedAttribute[Any]:
        """The model's attribute of that name."""
        attribute: InstrumentedAttribute[Any] = getattr(self.model, name)
        return attribute

    @property
    def table(self) -> Table:
        """The model's table, for statements on many rows that the ORM need not follow."""
        return cast("Table", self.model.__table__)

    def column(self, name: str) -> Column[Any]:
        """The table's column behind the model's attribute of that name."""
        column: Column[Any] = self.model.__mapper__.columns[name]
        return column

    @cached_property
    def held(self) -> list[InstrumentedAttribute[Any]]:
        """The attributes that tell the state held, and our own ID of the row."""
        names = [field.name for field in fields(self.record)]
        return [self.attribute(name) for name in (self.primary_key, "user_id", "revision", "as_of", *names)]

    def state(self, row: RowMapping) -> State:
        """Return the state that a row of `held` tells."""
        return State(self.record(**{field.name: row[field.name] for field in fields(self.record)}), row["as_of"])

    def stripe_id(self, record: Record) -> str:
        """Return Stripe's ID of the object."""
        stripe_id: str = getattr(record, self.stripe_key)
        return stripe_id


SUBSCRIPTION = Kind(
    SubscriptionRecord,
    Subscription,
    "subscription_id",
    "stripe_subscription_id",
    "/v1/subscriptions/",
    subscription_record,
)
INVOICE = Kind(InvoiceRecord, Invoice, "invoice_id", "stripe_invoice_id", "/v1/invoices/", invoice_record)
INVOICE_PAYMENT = Kind(
    InvoicePaymentRecord,
    InvoicePayment,
    "invoice_payment_id",
    "stripe_invoice_payment_id",
    "/v1/invoice_payments/",
    invoice_payment_record,
)
PAYMENT_METHOD = Kind(
    PaymentMethodRecord,
    PaymentMethod,
    "payment_method_id",
    "stripe_payment_method_id",
    "/v1/payment_methods/",
    payment_method_record,
)
DISPUTE = Kind(DisputeRecord, Dispute, "dispute_id", "stripe_dispute_id", "/v1/disputes/", dispute_record)
REFUND = Kind(RefundRecord, Refund, "refund_id", "stripe_refund_id", "/v1/refunds/", refund_record)
CUSTOMER = Kind(
    CustomerRecord,
    BillingCustomer,
    "billing_customer_id",
    "stripe_customer_id",
    "/v1/customers/",
    customer_record,
)

KINDS = (CUSTOMER, SUBSCRIPTION, INVOICE, INVOICE_PAYMENT, PAYMENT_METHOD, DISPUTE, REFUND)
KIND_OF: dict[type[Record], Kind] = {kind.record: kind for kind in KINDS}
