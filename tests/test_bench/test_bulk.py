from collections.abc import Iterator

import pytest
import sqlalchemy as sa

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.models import BillingCustomer, BillingEvent, Invoice, Model, PaymentMethod, Subscription
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from tests.bench.bulk import fill
from tests.bench.corpus import events_of, number_of
from tests.building import fact_from
from tests.kinds import empty_database
from tests.stores import count, row

CUSTOMERS = 60


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of each kind that `make bench` fills: it makes both itself, and can make no SQL Server."""
    with empty_database(request, request.param) as url:
        migrations.upgrade(url)
        yield url


@pytest.fixture
def filled(url: str) -> Database:
    fill(url, CUSTOMERS)
    return Database(create_engine_for(url, pool_size=1))


def test_every_customer_has_what_the_first_one_has(filled: Database) -> None:
    for model in (BillingCustomer, Subscription, Invoice, PaymentMethod):
        assert count(filled, model) == CUSTOMERS
    last = row(filled, Invoice, user_id=CUSTOMERS)
    assert last.stripe_invoice_id.endswith(number_of(CUSTOMERS))
    assert row(filled, Subscription, subscription_id=last.subscription_id).user_id == CUSTOMERS
    filled.dispose()


def test_month_of_any_customer_is_applied_without_asking_stripe(filled: Database) -> None:
    processor = Processor(filled, StripeApi(None, "", timeout=1, max_retries=0))
    facts = [fact_from(posted.body) for posted in events_of(range(1, CUSTOMERS + 1))]
    processed = processor.process(facts)
    assert not processed.later
    assert set(processed.outcomes.values()) == {"applied"}
    assert len(processed.outcomes) == len(facts)
    filled.dispose()


def test_history_is_as_long_as_asked_for_and_numbered_on(url: str) -> None:
    fill(url, 2, history=500)
    database = Database(create_engine_for(url, pool_size=1))
    with database.read() as session:
        rows, users, ids = session.execute(
            sa.select(
                sa.func.count(),
                sa.func.count(BillingEvent.user_id.distinct()),
                sa.func.count(BillingEvent.stripe_event_id.distinct()),
            )
        ).one()
    assert 480 < rows == ids <= 500
    assert users == count(database, BillingCustomer)
    database.dispose()


def test_every_table_that_events_write_is_filled(filled: Database) -> None:
    written = {"BillingCustomers", "BillingEvents", "Disputes", "InvoicePayments", "Invoices", "PaymentMethods"}
    with filled.read() as session:
        for table in Model.metadata.sorted_tables:
            if table.name in written | {"Refunds", "Subscriptions", "Users"}:
                assert session.scalar(sa.select(sa.func.count()).select_from(table)), table.name
    filled.dispose()
