"""An object as Stripe shows it, with whoever pays expanded into it: whose it is takes no second request."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from billing_core.errors import MalformedEvent
from billing_core.kinds import (
    CUSTOMER,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    PAYMENT_METHOD,
    REFUND,
    SUBSCRIPTION,
    Kind,
)
from billing_core.missing_parts import OfCharge, ask_about_charge, read_answer
from billing_core.records import CustomerRecord, PaymentMethodRecord, Record
from billing_core.shapes import app_of
from billing_core.stripe_api import Fetched, StripeApi

log = structlog.get_logger()

# Where in each object its customer stands, if Stripe is asked to expand it.
# https://docs.stripe.com/expand
_PAYERS: dict[Kind, tuple[str, ...]] = {
    CUSTOMER: (),
    PAYMENT_METHOD: ("customer",),
    SUBSCRIPTION: ("customer",),
    INVOICE: ("customer",),
    INVOICE_PAYMENT: ("invoice.customer",),
    DISPUTE: ("charge.customer",),
    REFUND: ("charge.customer", "payment_intent.customer"),  # a refund can be without a charge
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One object at one moment.

    Attributes:
        kind: of object.
        fetched: the object itself, and as of when.
        record: what it says; of a dispute or refund without customer and invoice.
        payer: its customer as Stripe tells it along, None if it has none.
        of_charge: the record with customer and invoice, if Stripe was asked for them.
    """

    kind: Kind
    fetched: Fetched
    record: Record
    payer: CustomerRecord | None
    of_charge: OfCharge | None = None

    @property
    def stripe_id(self) -> str:
        """Stripe's ID of it."""
        return self.kind.stripe_id(self.record)

    @property
    def app(self) -> str | None:
        """The application that its metadata names."""
        return app_of(self.fetched.obj)

    def asked(self, stripe: StripeApi) -> "Seen":
        """Ask for what the object leaves out, whatever we hold ourselves.

        Raises:
            StripeUnavailable: no answer.
        """
        if isinstance(self.record, OfCharge):
            return replace(self, of_charge=ask_about_charge(stripe, self.record))
        if isinstance(self.record, PaymentMethodRecord) and self.record.stripe_customer_id:
            answer = stripe.fetch(f"{CUSTOMER.path}{self.record.stripe_customer_id}")
            return replace(self, payer=_customer(answer))
        return self


def expansions(kind: Kind, prefix: str = "") -> dict[str, Any]:
    """Return the parameters with which Stripe tells the customers along; `data.` is the prefix in a list.

    A payment method by itself may be a deleted customer's, of which Stripe's specification knows no expanded form.
    """
    if kind is PAYMENT_METHOD and not prefix:
        return {}
    payers = [f"{prefix}{payer}" for payer in _PAYERS[kind]]
    return {"expand": payers} if payers else {}


def see(kind: Kind, obj: dict[str, Any], answer: Fetched) -> Seen:
    """Read an object, which may be one of a list.

    Raises:
        MalformedEvent: it lacks what a row cannot do without.
    """
    fetched = replace(answer, obj=obj)
    record = read_answer(kind, fetched).record
    payer = record if isinstance(record, CustomerRecord) else _payer(kind, fetched)
    return Seen(kind, fetched, record, payer)


def readable(kind: Kind, objects: Iterable[dict[str, Any]], answer: Fetched) -> list[Seen]:
    """Read objects of one answer, but for those that nobody can: they must not hold back the others."""
    seen = list[Seen]()
    for obj in objects:
        try:
            seen.append(see(kind, obj, answer))
        except MalformedEvent as error:
            log.warning("reconcile.object_skipped", object_id=obj.get("id"), reason=str(error))
    return seen


def _payer(kind: Kind, fetched: Fetched) -> CustomerRecord | None:
    for path in _PAYERS[kind]:
        found: Any = fetched.obj
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return _customer(replace(fetched, obj=found))
    return None


def _customer(answer: Fetched) -> CustomerRecord | None:
    record = read_answer(CUSTOMER, answer).record
    return record if isinstance(record, CustomerRecord) else None
