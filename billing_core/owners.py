"""Whose is this object? Its customer's user, as BillingCustomers says; else the customer's metadata at Stripe."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing_core.adoption import adopt, orphans_of
from billing_core.database import Database
from billing_core.dialects import is_unique_violation
from billing_core.errors import BillingError, StripeObjectMissing, StripeUnavailable
from billing_core.facts import Fact
from billing_core.guard import ABSENT, Write, read_held, write_states
from billing_core.kinds import CUSTOMER
from billing_core.links import Parents
from billing_core.missing_parts import read_answer
from billing_core.models import BillingCustomer, User
from billing_core.models.declarative import NEVER, utc_now
from billing_core.ordering import Outcome, State
from billing_core.records import (
    CustomerRecord,
    InvoiceRecord,
    PaymentMethodRecord,
    Record,
    SubscriptionRecord,
)
from billing_core.stripe_api import StripeApi
from billing_core.user_ids import LARGEST_USER_ID

NO_USER_OF_OURS = "the customer is deleted or unknown at Stripe, and was no user of ours"

# Their rows cannot be without a user. The others are money that moved, or who somebody is: kept without one too.
NEED_A_USER = (SubscriptionRecord, InvoiceRecord, PaymentMethodRecord)


class UnknownUser(BillingError):
    """Users has no such user."""


class UnknownCustomers(Exception):
    """We have never heard of these customers: ask Stripe about them, and start over."""

    def __init__(self, customers: Collection[str]) -> None:
        super().__init__(", ".join(sorted(customers)))
        self.customers = customers


@dataclass(frozen=True, slots=True)
class Owners:
    """What we know of some records' customers.

    Attributes:
        customers: by Stripe's ID; known is not yet linked to a user.
        users: those of the users named at Stripe that Users has.
        app: which of several applications in one Stripe account we are; None if we are the only one.
    """

    customers: dict[str, BillingCustomer]
    users: set[int]
    app: str | None

    def objection(self, fact: Fact) -> tuple[Outcome, str] | None:
        """Return why the fact may not have an effect here (yet), or None."""
        customer = self.customers.get(fact.record.stripe_customer_id or "")
        if marks := self.others_marks(fact.app, customer.app if customer else None):
            return Outcome.FOREIGN, f"it is marked as application {min(marks)}'s, not {self.app}'s"
        if not isinstance(fact.record, NEED_A_USER) or (customer and customer.user_id is not None):
            return None
        if customer and customer.deleted_at:
            return Outcome.FOREIGN, NO_USER_OF_OURS
        return Outcome.PARKED, "no user is linked to the customer: billing customers link"

    def others_marks(self, *apps: str | None) -> set[str]:
        """Return those of the marks that are another application's."""
        return {app for app in apps if app is not None and app != self.app} if self.app else set()

    def without_person(self, record: Record) -> Record:
        """Return what may be written of an object: of an erased customer's, nothing personal."""
        if not self.erased(record):
            return record
        if isinstance(record, PaymentMethodRecord):
            return replace(record, last4=None, brand=None, exp_month=None, exp_year=None)
        return replace(record, named_user=None) if isinstance(record, CustomerRecord) else record

    def erased(self, record: Record) -> bool:
        """Whether the customer's user asked us to forget."""
        customer = self.customers.get(record.stripe_customer_id or "")
        return customer is not None and customer.erased_at is not None

    def require(self, customers: Collection[str]) -> None:
        """Raise `UnknownCustomers` unless all of them are known."""
        if unknown := set(customers) - self.customers.keys():
            raise UnknownCustomers(unknown)

    def columns(self, record: Record) -> dict[str, Any]:
        """Return the columns of a record's row that its customer decides, by attribute name."""
        customer = self.customers.get(record.stripe_customer_id or "")
        linked = customer.user_id if customer else None
        if isinstance(record, CustomerRecord):
            return {"user_id": linked if linked is not None else self.named(record)}
        if isinstance(record, PaymentMethodRecord):
            default = customer.default_payment_method if customer else None
            return {"user_id": linked, "is_default": record.stripe_payment_method_id == default}
        return {"user_id": linked}

    def named(self, record: CustomerRecord) -> int | None:
        """Return the user that the metadata names, if it is one of ours."""
        if self.app and record.app not in (None, self.app):
            return None
        user = _number(record.named_user)
        return user if user in self.users else None


def owners_of(session: Session, customers: Collection[str]) -> dict[str, BillingCustomer]:
    """Return the customers that we know, by Stripe's ID."""
    if not customers:
        return {}
    query = select(BillingCustomer).where(BillingCustomer.stripe_customer_id.in_(sorted(customers)))
    query = query.execution_options(populate_existing=True)  # the guarded writes pass the session's objects by
    return {customer.stripe_customer_id: customer for customer in session.scalars(query)}


def read_owners(session: Session, records: Iterable[Record], app: str | None) -> Owners:
    """Look up the customers, and the users that customers name."""
    records = list(records)
    customers = owners_of(session, {record.stripe_customer_id for record in records if record.stripe_customer_id})
    named = {_number(record.named_user) for record in records if isinstance(record, CustomerRecord)} - {None}
    users = set(session.scalars(select(User.user_id).where(User.user_id.in_(named)))) if named else set()
    return Owners(customers, users, app)


def learn_customers(
    database: Database, stripe: StripeApi, customers: Collection[str], app: str | None = None
) -> dict[str, StripeUnavailable]:
    """Ask Stripe about the customers that we do not know, and store the answers. No transaction is open meanwhile.

    Returns:
        The customers about whom Stripe did not answer, each with its error. After the first, the rest is not asked.
    """
    with database.read() as session:
        unknown = sorted(set(customers) - owners_of(session, customers).keys())
    for position, customer in enumerate(unknown):
        try:
            fetched = stripe.fetch(f"{CUSTOMER.path}{customer}")
        except StripeObjectMissing:
            _store(database, State(CustomerRecord.gone(customer, utc_now()), utc_now()), app)
        except StripeUnavailable as error:
            return dict.fromkeys(unknown[position:], error)
        else:
            _store(database, read_answer(CUSTOMER, fetched), app)
    return {}


def link_named(session: Session, facts: Iterable[Fact], owners: Owners) -> None:
    """Link customers by what even a stale event says: a deleted one names its user in the past only."""
    newest_first = sorted(facts, key=lambda fact: fact.state.rank, reverse=True)
    for customer, row in owners_of(session, {fact.object_id for fact in newest_first}).items():
        if row.user_id is None:
            told = (fact.record for fact in newest_first if fact.object_id == customer)
            users = (owners.named(record) for record in told if isinstance(record, CustomerRecord))
            if (user := next((user for user in users if user is not None), None)) is not None:
                _link(row, user)


def link_customer(session: Session, customer: str, user_id: int) -> int | None:
    """Make a customer a user's, whatever Stripe says, with the rows that had none; return the user that it was.

    Raises:
        UnknownUser: Users has no such user.
    """
    if session.get(User, user_id) is None:
        raise UnknownUser(f"Users has no UserID {user_id}: {customer} was not linked")
    known = owners_of(session, [customer]).get(customer)
    former = known.user_id if known else None
    if known:
        _link(known, user_id)
    else:
        session.add(BillingCustomer(stripe_customer_id=customer, user_id=user_id, as_of=NEVER))
    session.flush()
    adopt(session, orphans_of(session, Parents(customers={customer})))
    return former


def _link(customer: BillingCustomer, user_id: int) -> None:
    customer.user_id = user_id
    customer.revision = BillingCustomer.revision + 1  # in SQL: a worker may write meanwhile


def _store(database: Database, state: State, app: str | None) -> None:
    try:
        with database.write() as session:
            _write_unless_known(session, state, app)
    except IntegrityError as error:
        if not is_unique_violation(error):  # else another worker stored the same answer first
            raise


def _write_unless_known(session: Session, state: State, app: str | None) -> None:
    customer = CUSTOMER.stripe_id(state.record)
    if not read_held(session, CUSTOMER, [customer]):
        columns = read_owners(session, [state.record], app).columns(state.record)
        write_states(session, CUSTOMER, [Write(ABSENT, state, None, columns)])


def _number(named: str | None) -> int | None:
    if named is None or not (named.isascii() and named.isdigit() and int(named) <= LARGEST_USER_ID):
        return None
    return int(named)
