"""Rows broken through SQL in every way that the tables allow: reported exactly, left alone, and repaired on demand."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from billing_core.errors import StripeUnavailable
from billing_core.kinds import KINDS
from billing_core.models import BillingCustomer, Dispute, Invoice, PaymentMethod, Refund, Subscription
from billing_core.ordering import Changes
from billing_core.reconcile.findings import NAME_OF, WITHHELD, What
from billing_core.reconcile.reconcile import Reconcile, new_run
from billing_core.reconcile.repair import Repairer
from billing_core.reconcile.run import Run
from billing_core.reconcile.seen import Seen
from tests.billing_core.test_reconcile.account import Account
from tests.billing_core.test_reconcile.breaking import Break, breaks, targets
from tests.stores import row

EXAMPLES = 10  # of up to four rows each


def found(run: Run) -> list[tuple[str, str, str, Changes]]:
    return sorted((one.kind, one.stripe_id, str(one.what), one.fields) for one in run.findings)


def test_rows_that_say_what_stripe_says_are_no_drift(settled: Account) -> None:
    run = settled.run()
    assert found(run) == []
    assert run.complete
    assert {kind: tally.at_stripe for kind, tally in run.tallies.items()} == {
        "customer": 5,
        "payment_method": 5,
        "subscription": 5,
        "invoice": 11,
        "invoice_payment": len(
            [one for one in settled.fake.state["invoice_payment"].values() if one["status"] == "paid"]
        )
        - 2,
        "dispute": 1,
        "refund": 1,
    }


def test_each_break_is_reported_exactly_and_repaired(settled: Account) -> None:
    truth, rows, choices = settled.snapshot(), settled.rows(), targets(settled.database)

    @given(st.data())
    # Shrinking takes minutes: each try goes through the account three times, and what was broken is told anyway.
    @settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    def breaks_are_found(data: st.DataObject) -> None:
        settled.restore(truth)
        drawn: list[Break] = data.draw(breaks(choices))
        for one in drawn:
            one.do(settled.database)
        before = settled.snapshot()
        assert found(settled.run()) == sorted(one.expected for one in drawn)
        assert settled.snapshot() == before
        repaired = settled.run(repair=True)
        assert sum(repaired.drift.values()) == 0
        assert settled.rows() == rows
        assert found(settled.run()) == []

    breaks_are_found()
    settled.restore(truth)


@pytest.fixture
def broken(settled: Account) -> Iterator[Account]:
    """The account, for a test that breaks it."""
    truth = settled.snapshot()
    yield settled
    settled.restore(truth)


def change(account: Account, model: Any, **values: Any) -> str:
    """Change the last row of a table, and return Stripe's ID of its object."""
    key = model.__table__.primary_key.columns[0]
    with account.database.write() as session:
        own_id = session.scalar(sa.select(sa.func.max(key)))
        session.execute(sa.update(model.__table__).where(key == own_id).values(values))
        kind = next(kind for kind in KINDS if kind.model is model)
        return str(session.scalar(sa.select(kind.column(kind.stripe_key)).where(key == own_id)))


@pytest.mark.parametrize("model", [kind.model for kind in KINDS], ids=lambda model: model.__tablename__)
def test_row_that_stripe_does_not_know_is_reported_and_stays(broken: Account, model: Any) -> None:
    kind = next(kind for kind in KINDS if kind.model is model)
    values: dict[str, Any] = {kind.column(kind.stripe_key).name: "gone_1"}
    if model is PaymentMethod or model is BillingCustomer:
        values["DetachedAt" if model is PaymentMethod else "DeletedAt"] = None
    change(broken, model, **values)
    unknown = [(one.stripe_id, one.what) for one in broken.run(repair=True).findings if one.what is What.UNKNOWN]
    assert unknown == [("gone_1", What.UNKNOWN)]
    assert (NAME_OF[kind], "gone_1") in broken.rows()
    again = broken.run()
    assert [(one.stripe_id, one.what) for one in again.findings] == unknown
    assert again.drift[NAME_OF[kind]] == 1


def test_row_of_a_moment_to_come_is_drift_since_it_would_take_no_event(broken: Account) -> None:
    tomorrow = broken.fake.clock.datetime() + timedelta(days=1)
    changed = change(broken, Subscription, AsOf=tomorrow)
    [finding] = broken.run().findings
    assert (finding.stripe_id, list(finding.fields)) == (changed, ["as_of"])
    assert sum(broken.run(repair=True).drift.values()) == 0
    assert row(broken.database, Subscription, stripe_subscription_id=changed).as_of < tomorrow
    assert found(broken.run()) == []


def test_difference_whose_event_comes_meanwhile_is_none(broken: Account) -> None:
    true = row(broken.database, Invoice, stripe_invoice_id=change(broken, Invoice, Status="open")).revision
    changed = change(broken, Invoice)

    def event_comes(_seconds: float) -> None:
        change(broken, Invoice, Status=broken.fake.invoices[changed]["status"], Revision=true + 1)

    reconcile = Reconcile(broken.database, broken.stripe, settle=1, sleep=event_comes)
    run = new_run(["invoice"])
    while run.finished_at is None:
        reconcile.step(run)
    assert found(run) == []
    assert run.tally("invoice").moving == 1


def test_backfill_counts_a_row_that_a_webhook_wrote_first(broken: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = broken.snapshot()
    with broken.database.write() as session:
        session.execute(sa.delete(Refund))
    insert = Repairer.insert

    def insert_late(repairer: Repairer, seen: Sequence[Seen]) -> int:
        broken.restore(truth)
        return insert(repairer, seen)

    monkeypatch.setattr(Repairer, "insert", insert_late)
    run = broken.run(["refund"], repair=True, fill=True)
    assert (found(run), run.tally("refund").written, run.complete) == ([], 0, True)


def test_object_that_moves_at_stripe_between_two_looks_is_no_drift(broken: Account) -> None:
    changed = next(one["id"] for one in broken.fake.subscriptions.values() if one["status"] == "active")
    with broken.database.write() as session:
        query = sa.update(Subscription).where(Subscription.stripe_subscription_id == changed)
        session.execute(query.values(quantity=9))
    quantities = iter((5, 1))

    def stripe_moves(_seconds: float) -> None:
        broken.fake.sandbox.state.get("subscription", changed)["items"]["data"][0]["quantity"] = next(quantities)

    reconcile = Reconcile(broken.database, broken.stripe, settle=1, sleep=stripe_moves)
    run = new_run(["subscription"])
    while run.finished_at is None:
        reconcile.step(run)
    stripe_moves(0)
    assert (found(run), run.tally("subscription").moving) == ([], 1)


def test_values_that_tell_of_a_person_are_withheld(broken: Account) -> None:
    change(broken, PaymentMethod, Last4="1111", Type="sepa_debit")
    with capture_logs() as logs:
        [finding] = broken.run(["payment_method"]).findings
    assert finding.fields == {"type": ["sepa_debit", "card"], "last4": [WITHHELD, WITHHELD]}
    assert [one["event"] for one in logs if one["event"] != "stripe.asked"] == ["drift.found", "reconcile.finished"]
    shown = str([finding, logs])
    assert "4242" not in shown
    assert not [value for value in broken.fake.personal_values() if value in shown]


def test_object_of_another_application_is_foreign(broken: Account) -> None:
    with broken.database.write() as session:
        session.execute(sa.delete(Refund))
    [refund] = broken.fake.refunds
    assert [one.stripe_id for one in broken.run(["refund"]).findings] == [refund]
    ours = Reconcile(broken.database, broken.stripe, settle=0, app="ours")
    broken.fake.sandbox.state.get("refund", refund)["metadata"] = {"app": "theirs"}
    run = new_run(["refund"])
    while run.finished_at is None:
        ours.step(run)
    broken.fake.sandbox.state.get("refund", refund)["metadata"] = {}
    assert (found(run), run.tally("refund").foreign) == ([], 1)


def test_only_chosen_kinds_are_looked_at(broken: Account) -> None:
    change(broken, Dispute, Status="won")
    change(broken, Refund, Amount=1)
    run = broken.run(["refund"])
    assert [one.kind for one in run.findings] == ["refund"]
    assert list(run.tallies) == ["refund"]


def test_step_that_stripe_does_not_answer_leaves_the_run_as_it_was(settled: Account) -> None:
    run = new_run()
    settled.reconcile.step(run)
    before = run.as_json()
    settled.fake.faults.down = True
    with pytest.raises(StripeUnavailable):
        settled.reconcile.step(run)
    settled.fake.faults.clear()
    assert run.as_json() == before
