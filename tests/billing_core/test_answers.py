"""What Stripe answered a command, written while a webhook of the same moment is being applied."""

from sqlalchemy.orm import Session

from billing_core.answers import Answer, Answers
from billing_core.database import Database
from billing_core.guard import ABSENT
from billing_core.kinds import INVOICE
from billing_core.process import Processor
from billing_core.stripe_api import Fetched
from tests.billing_core.test_links import DISPUTED, charged, links_of
from tests.building import invoice, moment


def test_child_that_is_committed_meanwhile_is_linked(server_database: Database) -> None:
    """Neither transaction sees the other: SQLite, which has one writer at a time, does not know this."""
    stripe = charged()

    def meanwhile(_session: Session, _own_ids: object) -> None:
        Processor(server_database, stripe).process([DISPUTED])
        assert links_of(server_database, "du_1")["invoice_id"] is None

    answer = Answer(INVOICE, ABSENT, Fetched(invoice(of=None), moment(1)))
    Answers(server_database, stripe, None).write([answer], meanwhile)
    assert links_of(server_database, "du_1")["invoice_id"] == "in_1"
