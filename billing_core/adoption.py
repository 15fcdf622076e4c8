"""Children that came before their parents are linked when the parent comes: in their rows and in BillingEvents.

A child's row can be linked and an event of it not: the event was stale, so that it left the row alone. And which
payment method is its customer's default is known to the customer only.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Unicode,
    and_,
    case,
    exists,
    false,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from billing_core.database import Database
from billing_core.dialects import in_chunks
from billing_core.links import Parents
from billing_core.models import (
    BillingCustomer,
    BillingEvent,
    Dispute,
    Invoice,
    InvoicePayment,
    Model,
    PaymentMethod,
    Refund,
    Subscription,
)
from billing_core.retry import named_database_errors, retry_blips

OfInvoice = type[Dispute] | type[Refund] | type[InvoicePayment]
OF_INVOICE: dict[OfInvoice, InstrumentedAttribute[str]] = {
    Dispute: Dispute.stripe_dispute_id,
    Refund: Refund.stripe_refund_id,
    InvoicePayment: InvoicePayment.stripe_invoice_payment_id,
}
OF_CUSTOMER: tuple[type[Dispute | Refund | BillingEvent], ...] = (Dispute, Refund, BillingEvent)
_MODELS: dict[str, type[Model]] = {
    model.__tablename__: model for model in (Invoice, *OF_INVOICE, PaymentMethod, BillingCustomer)
}

# Rows that lack a parent which we hold by now, or contradict their customer: Stripe's IDs by the rows' model.
Orphans = Mapping[type[Model], Sequence[str]]


def orphans_of(session: Session, parents: Parents) -> Orphans:
    """Return what is not linked yet of these parents' children, as far as we hold the parents: most often nothing."""
    queries = list(_look_for(parents))
    orphans = defaultdict[type[Model], list[str]](list)
    for row in session.execute(union_all(*queries)) if queries else ():
        orphans[_MODELS[row[0]]].append(row[1])
    return orphans


def adopt(session: Session, orphans: Orphans) -> None:
    """Link them."""
    for invoices in in_chunks(orphans.get(Invoice, ())):
        _adopt_invoices(session, invoices)
    for model in OF_INVOICE:
        for stripe_ids in in_chunks(orphans.get(model, ())):
            _adopt_of_invoices(session, model, stripe_ids)
    for payment_methods in in_chunks(orphans.get(PaymentMethod, ())):
        _correct_defaults(session, payment_methods)
    for customers in in_chunks(orphans.get(BillingCustomer, ())):
        _adopt_of_customers(session, customers)


@retry_blips
def adopt_once_more(database: Database, parents: Parents) -> None:
    """Link what is not linked yet of these parents' children; call it after the commit that wrote either.

    Parent and child may be committed at the same time by two workers that do not see each other: whoever commits last
    sees the other here, because each looks once more after its own commit.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    if not parents:
        return
    with named_database_errors(), database.read() as session:
        orphans = orphans_of(session, parents)
    if orphans:
        with named_database_errors(), database.write() as session:
            adopt(session, orphans)


def _look_for(parents: Parents) -> Iterator[Select[str, str]]:
    """Yield what finds orphans, each with the name of its table."""
    if parents.subscriptions:
        yield _invoices(parents.subscriptions)
    if parents.subscriptions or parents.invoices:
        yield from (_of_invoices(model, parents) for model in OF_INVOICE)
    if parents.customers:
        yield _defaults(parents.customers)
        yield _customers(parents.customers)


def _found(model: type[Model], stripe_id: InstrumentedAttribute[str]) -> Select[str, str]:
    return select(literal_column(f"'{model.__tablename__}'", Unicode(50)), stripe_id)


def _invoices(subscriptions: Collection[str]) -> Select[str, str]:
    lacking = or_(Invoice.subscription_id.is_(None), _event_of(Invoice.stripe_invoice_id, _NO_SUBSCRIPTION))
    found = _found(Invoice, Invoice.stripe_invoice_id).join(Subscription, _SUBSCRIPTION_OF_INVOICE)
    return found.where(Invoice.stripe_subscription_id.in_(sorted(subscriptions)), lacking)


def _of_invoices(model: OfInvoice, parents: Parents) -> Select[str, str]:
    key = OF_INVOICE[model]
    children = or_(
        Invoice.stripe_invoice_id.in_(sorted(parents.invoices)),
        Invoice.stripe_subscription_id.in_(sorted(parents.subscriptions)),
    )
    lacking = or_(_lacks_parents(model), _event_of(key, _lacks_parents(BillingEvent)))
    found = _found(model, key).join(Invoice, Invoice.stripe_invoice_id == model.stripe_invoice_id)
    return found.where(children, lacking)


def _defaults(customers: Collection[str]) -> Select[str, str]:
    """Find the payment methods whose `is_default` is not what their customer says."""
    says = and_(
        BillingCustomer.default_payment_method.is_not(None),
        BillingCustomer.default_payment_method == PaymentMethod.stripe_payment_method_id,
    )
    says_not = or_(
        BillingCustomer.default_payment_method.is_(None),
        BillingCustomer.default_payment_method != PaymentMethod.stripe_payment_method_id,
    )
    wrong = or_(and_(PaymentMethod.is_default == true(), says_not), and_(PaymentMethod.is_default == false(), says))
    found = _found(PaymentMethod, PaymentMethod.stripe_payment_method_id).join(
        BillingCustomer, BillingCustomer.stripe_customer_id == PaymentMethod.stripe_customer_id
    )
    return found.where(PaymentMethod.stripe_customer_id.in_(sorted(customers)), wrong)


def _customers(customers: Collection[str]) -> Select[str, str]:
    """Find the customers with a user of whose money we hold rows without one."""
    orphaned = [
        exists().where(model.stripe_customer_id == BillingCustomer.stripe_customer_id, model.user_id.is_(None))
        for model in OF_CUSTOMER
    ]
    return _found(BillingCustomer, BillingCustomer.stripe_customer_id).where(
        BillingCustomer.stripe_customer_id.in_(sorted(customers)), BillingCustomer.user_id.is_not(None), or_(*orphaned)
    )


_SUBSCRIPTION_OF_INVOICE = Subscription.stripe_subscription_id == Invoice.stripe_subscription_id
_NO_SUBSCRIPTION = BillingEvent.subscription_id.is_(None)


def _lacks_parents(row: Any) -> ColumnElement[bool]:
    """Whether a row or event lacks its invoice, or the subscription that the invoice has by now."""
    subscribed = exists().where(_SUBSCRIPTION_OF_INVOICE).correlate(Invoice)
    return or_(row.invoice_id.is_(None), and_(row.subscription_id.is_(None), subscribed))


def _event_of(object_id: InstrumentedAttribute[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(BillingEvent.object_id == object_id, condition)


def _adopt_invoices(session: Session, invoices: Sequence[str]) -> None:
    parent = select(Subscription.subscription_id).where(_SUBSCRIPTION_OF_INVOICE)
    _set(session, Invoice, Invoice.stripe_invoice_id.in_(invoices), {"subscription_id": parent.scalar_subquery()})
    own = select(Invoice.subscription_id).where(Invoice.stripe_invoice_id == BillingEvent.object_id)
    _set(session, BillingEvent, BillingEvent.object_id.in_(invoices), {"subscription_id": own.scalar_subquery()})


def _adopt_of_invoices(session: Session, model: OfInvoice, stripe_ids: Sequence[str]) -> None:
    key, links = OF_INVOICE[model], ("invoice_id", "subscription_id", "user_id")
    parent = Invoice.stripe_invoice_id == model.stripe_invoice_id
    values = {name: select(getattr(Invoice, name)).where(parent).scalar_subquery() for name in links}
    _set(session, model, key.in_(stripe_ids), values)
    own = key == BillingEvent.object_id
    values = {name: select(getattr(model, name)).where(own).scalar_subquery() for name in links}
    _set(session, BillingEvent, BillingEvent.object_id.in_(stripe_ids), values)


def _adopt_of_customers(session: Session, customers: Sequence[str]) -> None:
    for model in OF_CUSTOMER:
        user = select(BillingCustomer.user_id).where(BillingCustomer.stripe_customer_id == model.stripe_customer_id)
        orphaned = and_(model.stripe_customer_id.in_(customers), model.user_id.is_(None))
        session.execute(
            update(model).where(orphaned).values(user_id=user.scalar_subquery()),
            execution_options={"synchronize_session": False},
        )


def _correct_defaults(session: Session, payment_methods: Sequence[str]) -> None:
    """Say what the customer says. Not the opposite of what stood there: two workers may be at it at once."""
    says = exists().where(
        BillingCustomer.stripe_customer_id == PaymentMethod.stripe_customer_id,
        BillingCustomer.default_payment_method == PaymentMethod.stripe_payment_method_id,
    )
    session.execute(
        update(PaymentMethod)
        .where(PaymentMethod.stripe_payment_method_id.in_(payment_methods))
        .values(is_default=case((says, true()), else_=false())),
        execution_options={"synchronize_session": False},
    )


def _set(session: Session, model: Any, condition: ColumnElement[bool], values: dict[str, Any]) -> None:
    """Set the links of the rows that have none; a row linked already is left alone."""
    statement = update(model).where(condition, model.subscription_id.is_(None)).values(values)
    session.execute(statement, execution_options={"synchronize_session": False})
