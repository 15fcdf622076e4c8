"""Stripe's lists are gone through to the end, whatever comes, goes or happened in one second."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.kinds import INVOICE
from billing_core.models import Invoice, Model
from billing_core.reconcile.findings import What
from billing_core.reconcile.list_walk import ListWalk
from billing_core.reconcile.walks import PAGE
from tests.billing_core.test_reconcile.account import Account, with_users
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card

DRAFTS = 250


@pytest.fixture
def many(empty_database: Database) -> Any:
    """A customer with more drafts than two pages hold, made in three seconds, and their rows."""
    with FakeStripe(seed=6, rate=0) as fake:
        customer, _ = customer_with_card(fake, metadata={"user_id": "1"})
        for number in range(DRAFTS):
            call(fake, "POST", "/v1/invoices", customer=customer["id"])
            if number in (20, 230):
                fake.clock.advance(seconds=1)
        account = Account(fake, empty_database)
        account.run(repair=True, fill=True)
        yield account


@pytest.fixture
def empty_database(any_database: Database) -> Database:
    with any_database.write() as session:
        for table in reversed(Model.metadata.sorted_tables):
            session.execute(table.delete())
    return with_users(any_database)


def seen_and_unseen(walk: ListWalk) -> tuple[list[str], list[str]]:
    place: dict[str, Any] | None = {}
    seen, unseen = list[str](), list[str]()
    while place is not None:
        step = walk.step(place)
        seen += [one.stripe_id for one in step.seen]
        unseen += [stripe_id for _, stripe_id in step.unseen]
        place = step.next
    return seen, unseen


def test_every_object_is_seen_once_and_no_row_is_taken_for_unseen(many: Account) -> None:
    seen, unseen = seen_and_unseen(ListWalk(many.database, many.stripe, INVOICE))
    assert sorted(seen) == sorted(many.fake.invoices)
    assert unseen == []
    assert many.fake.spec_violations == []


def test_row_that_is_not_listed_is_found_wherever_it_is_in_time(many: Account) -> None:
    for number, made in enumerate((datetime(1999, 1, 1), datetime(2099, 1, 1), None)):  # noqa: DTZ001  (as text)
        with many.database.write() as session:
            own_id = session.scalars(sa.select(sa.func.min(Invoice.invoice_id))).one()
            values: dict[str, Any] = {"stripe_invoice_id": f"in_gone_{number}", "status": "open"}
            if made:
                values["stripe_created_at"] = made.astimezone()
            session.execute(sa.update(Invoice).where(Invoice.invoice_id == own_id + number).values(values))
    run = many.run(["invoice"])
    unknown = {one.stripe_id for one in run.findings if one.what is What.UNKNOWN}
    assert unknown == {"in_gone_0", "in_gone_1", "in_gone_2"}
    assert run.tally("invoice").missing == 3


def test_draft_deleted_between_two_pages_does_not_stop_the_walk(many: Account) -> None:
    walk = ListWalk(many.database, many.stripe, INVOICE)
    place = walk.step({}).next
    while place and "page" in place:
        place = walk.step(place).next
    assert place
    call(many.fake, "DELETE", f"/v1/invoices/{place['after']}")
    step = walk.step(place)
    assert len(step.seen) == PAGE
    assert place["after"] not in {one.stripe_id for one in step.seen}


def test_object_of_no_known_shape_is_counted_and_passed_by(many: Account) -> None:
    odd = next(iter(many.fake.invoices))
    del many.fake.sandbox.state.get("invoice", odd)["currency"]
    with capture_logs() as logs:
        run = many.run(["invoice"])
    assert run.tally("invoice").unreadable == 1
    assert [one["object_id"] for one in logs if one["event"] == "reconcile.object_skipped"] == [odd]


def test_vanished_draft_is_marked_as_deleted(many: Account) -> None:
    draft = next(iter(many.fake.invoices))
    call(many.fake, "DELETE", f"/v1/invoices/{draft}")
    [finding] = many.run(["invoice"], repair=True).findings
    assert (finding.stripe_id, finding.fields, finding.repaired) == (draft, {"status": ["draft", "deleted"]}, True)
    assert many.run(["invoice"]).findings == []
