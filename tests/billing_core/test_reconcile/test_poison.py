"""One object that no row can hold does not hold back the others."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.models import BillingCustomer, Invoice
from tests.billing_core.test_reconcile.account import Account
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card
from tests.stores import count


@pytest.fixture
def poisoned(server_database: Database) -> Iterator[Account]:
    """Three drafts, one with a number longer than any. SQLite would hold it."""
    with server_database.write() as session:
        session.execute(sa.delete(BillingCustomer))
    with FakeStripe(seed=8, rate=0) as fake:
        customer, _ = customer_with_card(fake, metadata={"user_id": "1"})
        drafts = [call(fake, "POST", "/v1/invoices", customer=customer["id"]) for _ in range(3)]
        fake.sandbox.state.get("invoice", drafts[1]["id"])["number"] = "9" * 101
        yield Account(fake, server_database)


def test_neighbours_of_a_poison_object_are_written(poisoned: Account) -> None:
    with capture_logs() as logs:
        run = poisoned.run(repair=True, fill=True)
    assert count(poisoned.database, Invoice) == 2
    assert (run.tally("invoice").written, run.drift["invoice"], run.complete) == (2, 1, False)
    [finding] = run.findings
    assert {one["object_id"] for one in logs if one["event"] == "reconcile.write_failed"} == {finding.stripe_id}
