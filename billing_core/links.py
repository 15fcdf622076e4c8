"""Our own IDs of an object's parents, as far as we hold them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.kinds import CUSTOMER, INVOICE, SUBSCRIPTION, Kind
from billing_core.models import Invoice, Subscription
from billing_core.records import (
    DisputeRecord,
    InvoicePaymentRecord,
    InvoiceRecord,
    PaymentMethodRecord,
    Record,
    RefundRecord,
)

# What belongs to an invoice, and through it to a subscription and a user.
OF_INVOICE = (DisputeRecord, RefundRecord, InvoicePaymentRecord)
# What learns its user, or whether it is the default, from its customer, and can be here before that is known.
OF_CUSTOMER = (DisputeRecord, RefundRecord, PaymentMethodRecord)


@dataclass(frozen=True, slots=True)
class Parents:
    """Stripe's IDs of parents whose children may have to be linked."""

    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.subscriptions or self.invoices or self.customers)

    def __or__(self, other: "Parents") -> "Parents":
        return Parents(
            self.subscriptions | other.subscriptions,
            self.invoices | other.invoices,
            self.customers | other.customers,
        )


class HeldInvoice(NamedTuple):
    """An invoice as its children see it."""

    invoice_id: int
    subscription_id: int | None
    user_id: int


@dataclass(frozen=True, slots=True)
class Links:
    """Parents that we hold: subscriptions and invoices by Stripe's ID."""

    subscriptions: dict[str, int]
    invoices: dict[str, HeldInvoice]

    def columns(self, record: Record) -> dict[str, Any]:
        """Return the link columns of a record's row, by attribute name; an unknown parent is None."""
        if isinstance(record, InvoiceRecord):
            return {"subscription_id": self.subscriptions.get(record.stripe_subscription_id or "")}
        if isinstance(record, OF_INVOICE):
            held = self.invoices.get(record.stripe_invoice_id or "")
            return held._asdict() if held else {"invoice_id": None, "subscription_id": None}
        return {}

    def missing(self, parents: Parents) -> Parents:
        """Return those of the parents that may yet come, or get a parent of their own; customers may always change."""
        linked = {stripe_id for stripe_id, held in self.invoices.items() if held.subscription_id}
        return Parents(parents.subscriptions - self.subscriptions.keys(), parents.invoices - linked, parents.customers)


def read_links(session: Session, records: Iterable[Record]) -> Links:
    """Look up the parents that these records name."""
    parents = parents_of(records)
    return Links(_subscriptions(session, parents.subscriptions), _invoices(session, parents.invoices))


def parents_of(records: Iterable[Record]) -> Parents:
    """Return Stripe's IDs of the parents that these records name."""
    found = Parents()
    for record in records:
        if isinstance(record, InvoiceRecord) and record.stripe_subscription_id:
            found.subscriptions.add(record.stripe_subscription_id)
        if isinstance(record, OF_INVOICE) and record.stripe_invoice_id:
            found.invoices.add(record.stripe_invoice_id)
        if isinstance(record, OF_CUSTOMER) and record.stripe_customer_id:
            found.customers.add(record.stripe_customer_id)
    return found


def as_parents(kind: Kind, stripe_ids: Collection[str]) -> Parents:
    """Return objects of a kind in the role of parents; most kinds have no children."""
    ids = set(stripe_ids)
    return Parents(
        subscriptions=ids if kind is SUBSCRIPTION else set(),
        invoices=ids if kind is INVOICE else set(),
        customers=ids if kind is CUSTOMER else set(),
    )


def _subscriptions(session: Session, stripe_ids: Collection[str]) -> dict[str, int]:
    if not stripe_ids:
        return {}
    query = select(Subscription.stripe_subscription_id, Subscription.subscription_id)
    rows = session.execute(query.where(Subscription.stripe_subscription_id.in_(sorted(stripe_ids))))
    return {stripe_id: own_id for stripe_id, own_id in rows}  # noqa: C416  (typed rows)


def _invoices(session: Session, stripe_ids: Collection[str]) -> dict[str, HeldInvoice]:
    if not stripe_ids:
        return {}
    # The subscription by Stripe's ID: the invoice itself may not be linked to it yet.
    query = select(Invoice.stripe_invoice_id, Invoice.invoice_id, Subscription.subscription_id, Invoice.user_id).join(
        Subscription, Subscription.stripe_subscription_id == Invoice.stripe_subscription_id, isouter=True
    )
    rows = session.execute(query.where(Invoice.stripe_invoice_id.in_(sorted(stripe_ids))))
    return {
        stripe_id: HeldInvoice(own_id, subscription_id, user_id) for stripe_id, own_id, subscription_id, user_id in rows
    }
