"""Our own IDs of an object's parents, as far as we hold them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Select, null, select, union_all
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

    def add(self, kind: Kind, own_ids: Mapping[str, int], columns: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of rows written since, each with its columns as of `columns` here and of its owner."""
        if kind is SUBSCRIPTION:
            self.subscriptions.update(own_ids)
        if kind is INVOICE:
            self.invoices.update(
                (stripe_id, HeldInvoice(own_id, columns[stripe_id]["subscription_id"], columns[stripe_id]["user_id"]))
                for stripe_id, own_id in own_ids.items()
            )

    def missing(self, parents: Parents) -> Parents:
        """Return those of the parents that may yet come, or get a parent of their own; customers may always change."""
        linked = {stripe_id for stripe_id, held in self.invoices.items() if held.subscription_id}
        return Parents(parents.subscriptions - self.subscriptions.keys(), parents.invoices - linked, parents.customers)


def read_links(session: Session, records: Iterable[Record]) -> Links:
    """Look up the parents that these records name."""
    links = Links({}, {})
    queries = list(_look_for(parents_of(records)))
    for stripe_id, subscription_id, *invoice in session.execute(union_all(*queries)) if queries else ():
        match invoice:
            case [int(invoice_id), int(user_id)]:
                links.invoices[stripe_id] = HeldInvoice(invoice_id, subscription_id, user_id)
            case _:
                links.subscriptions[stripe_id] = subscription_id
    return links


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


def _look_for(parents: Parents) -> Iterator[Select[str, int, int | None, int | None]]:
    """Yield what finds Stripe's ID, and our IDs of the subscription, the invoice, and its user."""
    if parents.subscriptions:
        yield select(Subscription.stripe_subscription_id, Subscription.subscription_id, null(), null()).where(
            Subscription.stripe_subscription_id.in_(sorted(parents.subscriptions))
        )
    if parents.invoices:
        # The subscription by Stripe's ID: the invoice itself may not be linked to it yet.
        subscribed = Subscription.stripe_subscription_id == Invoice.stripe_subscription_id
        yield (
            select(Invoice.stripe_invoice_id, Subscription.subscription_id, Invoice.invoice_id, Invoice.user_id)
            .join(Subscription, subscribed, isouter=True)
            .where(Invoice.stripe_invoice_id.in_(sorted(parents.invoices)))
        )
