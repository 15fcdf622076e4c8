"""`billing reconcile` and `billing backfill`: what they print, what they write, how they end."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from billing_core import checkpoints
from billing_core.models import BillingCustomer, Invoice, PaymentMethod, Subscription
from billing_core.reconcile.reconcile import new_run
from billing_core.reconcile.run import Run, last_run
from tests.billing_core.cli.operator import Operation, billing
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import customer_with_card, subscription
from tests.stores import count, row


@pytest.fixture
def fake(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    """An account with a subscriber and a stranger, of whom nobody told us."""
    with operation.here.database.write() as session:
        session.execute(sa.delete(BillingCustomer))
    with FakeStripe(rate=0) as fake:
        for name, value in {
            "STRIPE_SECRET_KEY": fake.api_key,
            "STRIPE_API_BASE": fake.url,
            "BILLING_STRIPE_RATE": "1000",
            "BILLING_STRIPE_MAX_RETRIES": "0",
            "BILLING_RECONCILE_SETTLE": "0.001",
        }.items():
            monkeypatch.setenv(name, value)
        subscription(fake, customer_with_card(fake, metadata={"user_id": "1"})[0])
        subscription(fake, customer_with_card(fake)[0])
        yield fake


@pytest.fixture
def filled(operation: Operation, fake: FakeStripe) -> Operation:
    assert billing("backfill").code == 0
    return operation


def test_backfill_writes_what_is_ours_and_counts_it(operation: Operation, fake: FakeStripe) -> None:
    answer = billing("backfill")
    assert (answer.code, answer.err.count("Traceback")) == (0, 0)
    table = {cells[0]: cells[1:5] for line in answer.lines if (cells := line.split())}
    assert table.pop("kind") == ["at_stripe", "rows", "written", "foreign"]
    one, none = ["1", "1", "1", "1"], ["0", "0", "0", "0"]
    assert table == {
        "customer": one,
        "payment_method": ["1", "1", "1", "0"],
        "subscription": one,
        "invoice": one,
        "invoice_payment": one,
        "dispute": none,
        "refund": none,
    }
    assert (
        row(operation.here.database, Invoice).subscription_id
        == row(operation.here.database, Subscription).subscription_id
    )
    assert fake.spec_violations == []


def test_backfill_again_writes_nothing(filled: Operation) -> None:
    kinds = billing("backfill", "--json").json()["kinds"]
    assert {kind["written"] for kind in kinds.values()} == {0}
    assert kinds["subscription"] == kinds["subscription"] | {"at_stripe": 1, "rows": 1}


def test_reconcile_reports_drift_with_exit_code_2_and_changes_nothing(filled: Operation, fake: FakeStripe) -> None:
    with filled.here.database.write() as session:
        session.execute(sa.update(Subscription).values(status="past_due"))
    answer = billing("reconcile")
    [sub] = [one["id"] for one in fake.subscriptions.values() if one["id"] in answer.out]
    assert answer.code == 2
    assert answer.lines[1].split(maxsplit=3) == ["subscription", sub, "differs", "status: past_due instead of active"]
    assert row(filled.here.database, Subscription).status == "past_due"
    run = last_run(filled.here.database)
    assert run
    assert run.drift["subscription"] == 1


def test_reconcile_repairs_on_demand(filled: Operation) -> None:
    with filled.here.database.write() as session:
        session.execute(sa.update(Subscription).values(status="canceled"))
    answer = billing("reconcile", "--repair", "--json")
    told = answer.json()
    assert (answer.code, told["drift"]) == (0, 0)
    [finding] = told["findings"]
    assert (finding["fields"], finding["repaired"]) == ({"status": ["canceled", "active"]}, True)
    assert row(filled.here.database, Subscription).status == "active"
    assert billing("reconcile").code == 0


def test_reconcile_of_some_kinds_is_not_the_last_run(operation: Operation, fake: FakeStripe) -> None:
    answer = billing("reconcile", "--kind", "invoice", "--kind", "customer", "--json")
    assert (answer.code, list(answer.json()["kinds"])) == (2, ["customer", "invoice"])
    assert last_run(operation.here.database) is None


def test_unknown_kind_is_wrong_usage(fake: FakeStripe) -> None:
    assert billing("reconcile", "--kind", "charge").code == 2


def test_interrupted_run_is_gone_on_with_unless_told_otherwise(filled: Operation) -> None:
    def interrupted() -> Run:
        run = new_run()
        run.stage = 6
        run.tally("customer").at_stripe = run.tally("customer").rows = 77
        checkpoints.write(filled.here.database, "reconcile.manual", run.as_json())
        return run

    run = interrupted()
    answer = billing("reconcile")
    assert answer.err.splitlines()[0] == f"going on with the run of {run.began_at:%Y-%m-%d %H:%M:%S} UTC"
    assert "77" in answer.out
    interrupted()
    assert "77" not in billing("reconcile", "--restart").out
    interrupted()
    assert "77" not in billing("reconcile", "--repair").out
    assert checkpoints.read(filled.here.database, "reconcile.manual") is None


def test_without_a_key_nothing_is_tried(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = billing("backfill")
    assert (answer.code, answer.err.strip()) == (2, "STRIPE_SECRET_KEY is not set: there is nobody to ask")
    assert count(operation.here.database, Invoice) == 0


def test_what_was_erased_is_no_drift_and_does_not_come_back(filled: Operation) -> None:
    refused = billing("users", "erase", "1", "--yes")
    assert (refused.code, refused.err.endswith("use --force. Nothing was erased\n")) == (1, True)
    erased = billing("users", "erase", "1", "--yes", "--force", "--json").json()
    assert erased == {"user_id": 1, "customers": 1, "payment_methods": 1, "commands": 0, "events": 0}
    assert billing("reconcile", "--repair").code == 0
    assert billing("backfill").code == 0
    card = row(filled.here.database, PaymentMethod)
    assert (card.last4, card.brand, card.exp_month, card.exp_year) == (None, None, None, None)
    assert row(filled.here.database, BillingCustomer, user_id=1).named_user is None
