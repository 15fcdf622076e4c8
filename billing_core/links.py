"""Our own IDs of an object's parents. A parent may come later than its child: then the child is linked on arrival."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing_core.kinds import INVOICE, SUBSCRIPTION, Kind
from billing_core.models import BillingEvent, Dispute, Invoice, Subscription
from billing_core.records import DisputeRecord, InvoiceRecord, Record


@dataclass(frozen=True, slots=True)
class Links:
    """Parents that we hold: subscriptions and invoices by Stripe's ID."""

    subscriptions: dict[str, int] = field(default_factory=dict)
    invoices: dict[str, tuple[int, int | None, int]] = field(default_factory=dict)

    def columns(self, record: Record) -> dict[str, Any]:
        """Return the link columns of a record's row, by attribute name; an unknown parent is None."""
        if isinstance(record, InvoiceRecord):
            return {"subscription_id": self.subscriptions.get(record.stripe_subscription_id or "")}
        if isinstance(record, DisputeRecord):
            invoice_id, subscription_id, user_id = self.invoices.get(record.stripe_invoice_id or "", (None, None, None))
            found = {"invoice_id": invoice_id, "subscription_id": subscription_id}
            return found | ({"user_id": user_id} if user_id is not None else {})
        return {}

    def missing(self, parents: "Parents") -> "Parents":
        """Return those of the parents that we do not hold yet."""
        return Parents(parents.subscriptions - self.subscriptions.keys(), parents.invoices - self.invoices.keys())


@dataclass(frozen=True, slots=True)
class Parents:
    """Stripe's IDs of parents whose children may have to be linked."""

    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.subscriptions or self.invoices)

    def __or__(self, other: "Parents") -> "Parents":
        return Parents(self.subscriptions | other.subscriptions, self.invoices | other.invoices)


def read_links(session: Session, records: Iterable[Record]) -> Links:
    """Look up the parents that these records name."""
    parents = parents_of(records)
    return Links(_subscriptions(session, parents.subscriptions), _invoices(session, parents.invoices))


def parents_of(records: Iterable[Record]) -> Parents:
    """Return Stripe's IDs of the parents that these records name."""
    records = list(records)
    subscriptions = {record.stripe_subscription_id for record in records if isinstance(record, InvoiceRecord)}
    invoices = {record.stripe_invoice_id for record in records if isinstance(record, DisputeRecord)}
    return Parents({one for one in subscriptions if one}, {one for one in invoices if one})


def as_parents(kind: Kind, stripe_ids: Collection[str]) -> Parents:
    """Return objects of a kind in the role of parents; most kinds have no children."""
    return Parents(set(stripe_ids) if kind is SUBSCRIPTION else set(), set(stripe_ids) if kind is INVOICE else set())


def adopt_children(session: Session, parents: Parents) -> None:
    """Link the children that came before these parents, in their own rows and in BillingEvents."""
    if parents.subscriptions:
        _adopt_invoices(session, sorted(parents.subscriptions))
    if parents.invoices:
        _adopt_disputes(session, sorted(parents.invoices))


def _subscriptions(session: Session, stripe_ids: Collection[str]) -> dict[str, int]:
    if not stripe_ids:
        return {}
    query = select(Subscription.stripe_subscription_id, Subscription.subscription_id)
    rows = session.execute(query.where(Subscription.stripe_subscription_id.in_(sorted(stripe_ids))))
    return {stripe_id: own_id for stripe_id, own_id in rows}  # noqa: C416  (typed rows)


def _invoices(session: Session, stripe_ids: Collection[str]) -> dict[str, tuple[int, int | None, int]]:
    if not stripe_ids:
        return {}
    query = select(Invoice.stripe_invoice_id, Invoice.invoice_id, Invoice.subscription_id, Invoice.user_id)
    rows = session.execute(query.where(Invoice.stripe_invoice_id.in_(sorted(stripe_ids))))
    return {stripe_id: (own_id, subscription_id, user_id) for stripe_id, own_id, subscription_id, user_id in rows}


def _adopt_invoices(session: Session, subscriptions: Sequence[str]) -> None:
    parent = (
        select(Subscription.subscription_id)
        .where(Subscription.stripe_subscription_id == Invoice.stripe_subscription_id)
        .scalar_subquery()
    )
    _update_orphans(session, Invoice, Invoice.stripe_subscription_id.in_(subscriptions), {"subscription_id": parent})
    invoices = select(Invoice.stripe_invoice_id).where(Invoice.stripe_subscription_id.in_(subscriptions))
    of_invoice = select(Invoice.subscription_id).where(Invoice.stripe_invoice_id == BillingEvent.object_id)
    _update_orphans(
        session,
        BillingEvent,
        BillingEvent.object_id.in_(invoices),
        {"subscription_id": of_invoice.scalar_subquery()},
    )
    _adopt_disputes(session, list(session.scalars(invoices)))


def _adopt_disputes(session: Session, invoices: Sequence[str]) -> None:
    if not invoices:
        return
    matching = Invoice.stripe_invoice_id == Dispute.stripe_invoice_id
    values = {
        name: select(getattr(Invoice, name)).where(matching).scalar_subquery()
        for name in ("invoice_id", "subscription_id", "user_id")
    }
    _update_orphans(session, Dispute, Dispute.stripe_invoice_id.in_(invoices), values)
    disputes = select(Dispute.stripe_dispute_id).where(Dispute.stripe_invoice_id.in_(invoices))
    matching = Dispute.stripe_dispute_id == BillingEvent.object_id
    values = {
        name: select(getattr(Dispute, name)).where(matching).scalar_subquery()
        for name in ("invoice_id", "subscription_id", "user_id")
    }
    _update_orphans(session, BillingEvent, BillingEvent.object_id.in_(disputes), values)


def _update_orphans(session: Session, model: Any, condition: Any, values: dict[str, Any]) -> None:
    """Set the links of the rows that have none; a row linked already is left alone."""
    statement = update(model).where(condition, model.subscription_id.is_(None)).values(values)
    session.execute(statement, execution_options={"synchronize_session": False})
