"""What a row should say: Stripe's record, the owner and the parents. Also whether the object is any of our business."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.kinds import Kind
from billing_core.links import Links, read_links
from billing_core.missing_parts import OfCharge, complete_from
from billing_core.models import InvoicePayment, Versioned
from billing_core.owners import Owners, read_owners
from billing_core.reconcile.seen import Seen
from billing_core.records import CustomerRecord, PaymentMethodRecord, Record, values_of

Rows = Mapping[str, Versioned]
"""Rows of one kind by Stripe's ID."""


def read_rows(session: Session, kind: Kind, stripe_ids: Collection[str]) -> Rows:
    """Return the rows of these objects."""
    key = kind.attribute(kind.stripe_key)
    rows: Iterable[Versioned] = session.scalars(select(kind.model).where(key.in_(sorted(stripe_ids))))
    return {getattr(row, kind.stripe_key): row for row in rows}


def record_of(kind: Kind, row: Versioned) -> Record:
    """Return what a row says of its object."""
    names = kind.record.__dataclass_fields__
    return kind.record(**{name: getattr(row, name) for name in names})


class Wanted:
    """What the rows of some objects should say, by what Stripe told with them and by the parents that we hold.

    What Stripe tells of a customer stands above our row of it, so that one wrong row is one finding. A parent that
    we do not hold says nothing about its children.
    """

    def __init__(
        self, records: Mapping[str, Record], told: Mapping[str, CustomerRecord], owners: Owners, links: Links
    ) -> None:
        self._records = records
        self._told = told
        self._owners = owners
        self._links = links

    @classmethod
    def of(cls, session: Session, seen: Sequence[Seen], rows: Rows, app: str | None) -> "Wanted":
        """Look up what is needed for these objects of one kind."""
        told = {one.payer.stripe_customer_id: one.payer for one in seen if one.payer}
        invoices = _invoices_paid_by(session, seen)
        records = {one.stripe_id: _with_payer(one, invoices) for one in seen}
        held = {stripe_id: record_of(seen[0].kind, row) for stripe_id, row in rows.items()}
        completed = [complete_from(held.get(stripe_id), record) for stripe_id, record in records.items()]
        owners = read_owners(session, [*completed, *told.values()], app)
        return cls(records, told, owners, read_links(session, completed))

    def record(self, one: Seen) -> Record:
        """Return the object's record with what Stripe told along."""
        return self._records[one.stripe_id]

    def values(self, one: Seen, truth: Record) -> dict[str, Any]:
        """Return what the row should say, by attribute name; what cannot be known is left out."""
        links = {name: value for name, value in self._links.columns(truth).items() if value is not None}
        if (user := self._user(one, truth)) is not None:
            links["user_id"] = user
        return values_of(self._owners.without_person(truth)) | links | self._default(truth)

    def is_ours(self, one: Seen) -> bool:
        """Whether one of our users owns it, and no other application."""
        customer = self._customer(one, self.record(one))
        held = self._owners.customers.get(customer or "")
        told = self._told.get(customer or "")
        marks = self._owners.others_marks(one.app, told.app if told else None, held.app if held else None)
        return not marks and self._user(one, self.record(one)) is not None

    def _customer(self, one: Seen, truth: Record) -> str | None:
        """Return who pays; an invoice payment itself names nobody."""
        return truth.stripe_customer_id or (one.payer.stripe_customer_id if one.payer else None)

    def _user(self, one: Seen, truth: Record) -> int | None:
        customer = self._customer(one, truth) or ""
        held, told = self._owners.customers.get(customer), self._told.get(customer)
        if held and held.user_id is not None:
            return held.user_id
        return self._owners.named(told) if told else None

    def _default(self, truth: Record) -> dict[str, bool]:
        if not isinstance(truth, PaymentMethodRecord):
            return {}
        customer = truth.stripe_customer_id or ""
        says = self._told.get(customer) or self._owners.customers.get(customer)
        return {"is_default": says.default_payment_method == truth.stripe_payment_method_id} if says else {}


def _with_payer(one: Seen, invoices: Mapping[str, str]) -> Record:
    if one.of_charge or not isinstance(one.record, OfCharge):
        return one.of_charge or one.record
    return replace(
        one.record,
        stripe_customer_id=one.payer.stripe_customer_id if one.payer else None,
        stripe_invoice_id=invoices.get(one.record.stripe_payment_intent_id or ""),
    )


def _invoices_paid_by(session: Session, seen: Sequence[Seen]) -> dict[str, str]:
    """Return the invoices of payment intents, by what we hold: Stripe is asked only where that contradicts a row."""
    intents = {one.record.stripe_payment_intent_id for one in seen if isinstance(one.record, OfCharge)} - {None}
    if not intents:
        return {}
    query = select(InvoicePayment.stripe_payment_intent_id, InvoicePayment.stripe_invoice_id)
    rows = session.execute(query.where(InvoicePayment.stripe_payment_intent_id.in_(sorted(map(str, intents)))))
    return {str(intent): invoice for intent, invoice in rows}
