"""However many objects a step shows, statements and transactions have a page of them."""

from collections.abc import Collection

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from billing_core.kinds import Kind
from billing_core.models import InvoicePayment
from billing_core.reconcile import compare, repair
from billing_core.reconcile.wanted import Rows, read_rows
from tests.billing_core.test_reconcile.account import Account

PAGE = 2


def test_many_objects_of_one_step_are_compared_and_written_page_by_page(
    settled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()

    def counted(session: Session, kind: Kind, stripe_ids: Collection[str]) -> Rows:
        asked.append(len(stripe_ids))
        return read_rows(session, kind, stripe_ids)

    monkeypatch.setattr(compare, "read_rows", counted)
    monkeypatch.setattr(compare, "PAGE", PAGE)
    monkeypatch.setattr(repair, "PAGE", PAGE)
    before = settled.rows()
    with settled.database.write() as session:
        session.execute(sa.delete(InvoicePayment))
    tally = settled.run(["invoice_payment"], fill=True).tallies["invoice_payment"]
    assert tally.written == tally.at_stripe > PAGE
    assert settled.rows() == before
    assert max(asked) == PAGE
