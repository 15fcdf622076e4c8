"""Whose is this customer? BillingCustomers says; else the customer's metadata at Stripe does, asked once."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.dialects import is_unique_violation
from billing_core.errors import StripeObjectMissing, StripeUnavailable
from billing_core.models import BillingCustomer, User
from billing_core.models.declarative import utc_now
from billing_core.stripe_api import Fetched, StripeApi

# The metadata key under which a customer at Stripe names its user here.
USER_KEY = "user_id"

LARGEST_USER_ID = 2**31 - 1  # UserID is an INT; PostgreSQL fails on a larger number instead of finding nothing


def owners_of(session: Session, customers: Collection[str]) -> dict[str, BillingCustomer]:
    """Return the customers that we know, by Stripe's ID; known is not yet linked to a user."""
    query = select(BillingCustomer).where(BillingCustomer.stripe_customer_id.in_(sorted(customers)))
    return {customer.stripe_customer_id: customer for customer in session.scalars(query)}


def learn_customers(database: Database, stripe: StripeApi, customers: Collection[str]) -> dict[str, StripeUnavailable]:
    """Ask Stripe about the customers that we do not know, and store the answers. No transaction is open meanwhile.

    Returns:
        The customers about whom Stripe did not answer, each with its error. After the first, the rest is not asked.
    """
    with database.read() as session:
        unknown = sorted(set(customers) - owners_of(session, customers).keys())
    for position, customer in enumerate(unknown):
        try:
            fetched = stripe.fetch(f"/v1/customers/{customer}")
        except StripeObjectMissing:
            _store(database, customer, None)
        except StripeUnavailable as error:
            return dict.fromkeys(unknown[position:], error)
        else:
            _store(database, customer, fetched)
    return {}


def _store(database: Database, customer: str, fetched: Fetched | None) -> None:
    try:
        with database.write() as session:
            if not owners_of(session, [customer]):
                session.execute(insert(BillingCustomer), [_row(session, customer, fetched)])
    except IntegrityError as error:
        if not is_unique_violation(error):  # else another worker stored the same answer first
            raise


def _row(session: Session, customer: str, fetched: Fetched | None) -> dict[str, Any]:
    if fetched is None or fetched.obj.get("deleted"):
        return {"stripe_customer_id": customer, "deleted_at": fetched.as_of if fetched else utc_now()}
    settings = fetched.obj.get("invoice_settings") or {}
    return {
        "stripe_customer_id": customer,
        "user_id": _user(session, fetched.obj),
        "default_payment_method": settings.get("default_payment_method"),
        "as_of": fetched.as_of,
    }


def _user(session: Session, obj: dict[str, Any]) -> int | None:
    """Return the user that the metadata names, if it is one of ours."""
    named = (obj.get("metadata") or {}).get(USER_KEY, "")
    if not (named.isascii() and named.isdigit() and int(named) <= LARGEST_USER_ID):
        return None
    return session.scalar(select(User.user_id).where(User.user_id == int(named)))
