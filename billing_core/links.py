"""Our own IDs of an object's parents. A parent may come later than its child: then the child is linked on arrival."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

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
        """Return those of the parents that we do not hold yet, or hold without a parent of their own."""
        linked = {stripe_id for stripe_id, (_, subscription_id, _) in self.invoices.items() if subscription_id}
        return Parents(parents.subscriptions - self.subscriptions.keys(), parents.invoices - linked)


@dataclass(frozen=True, slots=True)
class Parents:
    """Stripe's IDs of parents whose children may have to be linked."""

    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.subscriptions or self.invoices)

    def __or__(self, other: "Parents") -> "Parents":
        return Parents(self.subscriptions | other.subscriptions, self.invoices | other.invoices)


@dataclass(frozen=True, slots=True)
class Orphans:
    """Stripe's IDs of children whose parent we did not hold when they came."""

    invoices: set[str]
    disputes: set[str]

    def __bool__(self) -> bool:
        return bool(self.invoices or self.disputes)


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


def orphans_of(session: Session, parents: Parents) -> Orphans:
    """Return what is not linked yet of these parents' children, as far as we hold the parents: most often nothing.

    A child's row can be linked and an event of it not: the event was stale, so that it left the row alone.
    """
    invoices = set[str]()
    if parents.subscriptions:
        query = (
            select(Invoice.stripe_invoice_id)
            .join(Subscription, _SUBSCRIPTION_OF_INVOICE)
            .where(
                Invoice.stripe_subscription_id.in_(sorted(parents.subscriptions)),
                or_(Invoice.subscription_id.is_(None), _event_of(Invoice.stripe_invoice_id, _NO_SUBSCRIPTION)),
            )
        )
        invoices |= set(session.scalars(query))
    if not parents:
        return Orphans(invoices, set())
    query = select(Dispute.stripe_dispute_id).join(Invoice, Invoice.stripe_invoice_id == Dispute.stripe_invoice_id)
    children = or_(
        Invoice.stripe_invoice_id.in_(sorted(parents.invoices)),
        Invoice.stripe_subscription_id.in_(sorted(parents.subscriptions)),
    )
    lacking = or_(_lacks_parents(Dispute), _event_of(Dispute.stripe_dispute_id, _lacks_parents(BillingEvent)))
    return Orphans(invoices, set(session.scalars(query.where(children, lacking))))


def adopt(session: Session, orphans: Orphans) -> None:
    """Link children that came before their parents, in their own rows and in BillingEvents."""
    if orphans.invoices:
        _adopt_invoices(session, sorted(orphans.invoices))
    if orphans.disputes:
        _adopt_disputes(session, sorted(orphans.disputes))


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


_SUBSCRIPTION_OF_INVOICE = Subscription.stripe_subscription_id == Invoice.stripe_subscription_id
_NO_SUBSCRIPTION = BillingEvent.subscription_id.is_(None)


def _lacks_parents(row: type[Dispute] | type[BillingEvent]) -> ColumnElement[bool]:
    """Whether a dispute's row or event lacks its invoice, or the subscription that the invoice has by now."""
    subscribed = exists().where(_SUBSCRIPTION_OF_INVOICE).correlate(Invoice)
    return or_(row.invoice_id.is_(None), and_(row.subscription_id.is_(None), subscribed))


def _event_of(object_id: InstrumentedAttribute[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(BillingEvent.object_id == object_id, condition)


def _adopt_invoices(session: Session, invoices: Sequence[str]) -> None:
    parent = select(Subscription.subscription_id).where(_SUBSCRIPTION_OF_INVOICE)
    values = {"subscription_id": parent.scalar_subquery()}
    _update_orphans(session, Invoice, Invoice.stripe_invoice_id.in_(invoices), values)
    own = select(Invoice.subscription_id).where(Invoice.stripe_invoice_id == BillingEvent.object_id)
    values = {"subscription_id": own.scalar_subquery()}
    _update_orphans(session, BillingEvent, BillingEvent.object_id.in_(invoices), values)


def _adopt_disputes(session: Session, disputes: Sequence[str]) -> None:
    links = ("invoice_id", "subscription_id", "user_id")
    parent = Invoice.stripe_invoice_id == Dispute.stripe_invoice_id
    values = {name: select(getattr(Invoice, name)).where(parent).scalar_subquery() for name in links}
    _update_orphans(session, Dispute, Dispute.stripe_dispute_id.in_(disputes), values)
    own = Dispute.stripe_dispute_id == BillingEvent.object_id
    values = {name: select(getattr(Dispute, name)).where(own).scalar_subquery() for name in links}
    _update_orphans(session, BillingEvent, BillingEvent.object_id.in_(disputes), values)


def _update_orphans(session: Session, model: Any, condition: Any, values: dict[str, Any]) -> None:
    """Set the links of the rows that have none; a row linked already is left alone."""
    statement = update(model).where(condition, model.subscription_id.is_(None)).values(values)
    session.execute(statement, execution_options={"synchronize_session": False})
