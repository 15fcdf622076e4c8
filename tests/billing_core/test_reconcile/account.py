"""An account of fake Stripe in which all kinds of things have happened, and our rows of it."""

from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from billing_core.database import Database
from billing_core.kinds import KINDS
from billing_core.models import Dispute, Invoice, InvoicePayment, Model, Refund, Subscription, User
from billing_core.reconcile.findings import NAME_OF
from billing_core.reconcile.reconcile import Reconcile, new_run
from billing_core.reconcile.run import Run
from billing_core.reconcile.wanted import record_of
from billing_core.records import values_of
from billing_core.stripe_api import StripeApi
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.fake_stripe.errors import Json
from tests.needed_rights import NEEDED

USERS = range(1, 7)

Snapshot = dict[sa.Table, list[dict[str, Any]]]


class Account:
    """One fake Stripe, one database, and reconcile between them over HTTP."""

    def __init__(self, fake: FakeStripe, database: Database) -> None:
        self.fake = fake
        self.database = database
        self.stripe = StripeApi(SecretStr(fake.restrict(NEEDED)), fake.url, timeout=10, max_retries=0)
        self.reconcile = Reconcile(database, self.stripe, settle=0)

    def run(self, kinds: list[str] | None = None, **options: bool) -> Run:
        """Take a run to its end, through its checkpoint after each step as a real one."""
        run = new_run(kinds, **options)
        while run.finished_at is None:
            self.reconcile.step(run)
            run = Run.from_json(run.as_json())
        return run

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what the rows say by kind and Stripe's ID, with parents by Stripe's ID: our own IDs may change."""
        found = dict[tuple[str, str], dict[str, Any]]()
        with self.database.read() as session:
            for kind in KINDS:
                row: Any
                for row in session.scalars(sa.select(kind.model)):
                    one = {name: getattr(row, name, None) for name in ("user_id", "is_default")}
                    if kind.model in (Invoice, InvoicePayment, Dispute, Refund) and row.subscription_id:
                        one["of_subscription"] = session.get_one(
                            Subscription, row.subscription_id
                        ).stripe_subscription_id
                    if kind.model in (InvoicePayment, Dispute, Refund) and row.invoice_id:
                        one["of_invoice"] = session.get_one(Invoice, row.invoice_id).stripe_invoice_id
                    found[NAME_OF[kind], getattr(row, kind.stripe_key)] = one | values_of(record_of(kind, row))
        return found

    def snapshot(self) -> Snapshot:
        with self.database.read() as session:
            return {
                table: [dict(row) for row in session.execute(sa.select(table)).mappings()]
                for table in Model.metadata.sorted_tables
            }

    def restore(self, snapshot: Snapshot) -> None:
        with self.database.write() as session:
            for table in reversed(Model.metadata.sorted_tables):
                session.execute(table.delete())
            for table, rows in snapshot.items():
                if rows:
                    session.execute(table.insert(), rows)


def with_users(database: Database) -> Database:
    with database.write() as session:
        session.add_all([User(user_id=number) for number in USERS])
    return database


def live(fake: FakeStripe) -> None:
    """Let a good deal happen to six users, and to somebody who is none."""
    customers = [customer_with_card(fake, metadata={"user_id": str(user)}) for user in USERS]
    for customer, _ in customers[:5]:
        subscription(fake, customer)
    stranger, _ = customer_with_card(fake)
    subscription(fake, stranger)
    fake.cards.decline(customers[2][1]["id"])
    fake.clock.advance(days=32)
    call(fake, "POST", "/v1/refunds", charge=_charge_of(fake, customers[0][0])["id"], amount=100)
    fake.control.open_dispute(charge=_charge_of(fake, customers[1][0])["id"])
    call(fake, "DELETE", f"/v1/subscriptions/{_of(fake.subscriptions, customers[1][0])['id']}")
    call(fake, "POST", "/v1/payment_methods/pm_card_mastercard/attach", customer=customers[3][0]["id"])
    for _ in range(2):
        call(fake, "POST", "/v1/invoices", customer=customers[5][0]["id"])


def forget(fake: FakeStripe) -> None:
    """Let happen what Stripe's lists do not show afterwards: a customer, a card and a draft go."""
    customers = list(fake.customers.values())
    call(fake, "DELETE", f"/v1/customers/{customers[4]['id']}")
    card = next(one for one in fake.payment_methods.values() if one["card"]["brand"] == "mastercard")
    call(fake, "POST", f"/v1/payment_methods/{card['id']}/detach")
    draft = next(one for one in fake.invoices.values() if one["status"] == "draft" and not one["parent"])
    call(fake, "DELETE", f"/v1/invoices/{draft['id']}")


def _of(objects: dict[str, Json], customer: Json) -> Json:
    return next(one for one in objects.values() if one["customer"] == customer["id"])


def _charge_of(fake: FakeStripe, customer: Json) -> Json:
    return next(one for one in fake.charges.values() if one["customer"] == customer["id"] and one["paid"])
