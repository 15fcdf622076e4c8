"""Children before parents: linked when the parent arrives, in their own rows and in BillingEvents."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.facts import Fact
from billing_core.kinds import DISPUTE, INVOICE, SUBSCRIPTION
from billing_core.links import Parents, as_parents, parents_of
from billing_core.models import Dispute
from billing_core.process import Processor
from tests.building import dispute, fact, invoice, subscription
from tests.scripted_stripe import ScriptedStripe
from tests.stores import Row, event_links, objects, open_database, row, wait_for_lock

SUBSCRIBED = fact(subscription(), at=1)
INVOICED = fact(invoice(), at=2)
DISPUTED = fact(dispute(), at=3)

INVOICE_LINKS: Row = {"user_id": 1, "subscription_id": "sub_1", "invoice_id": "in_1"}


def charged(customer: str | None = "cus_1", invoice_id: str | None = "in_1") -> ScriptedStripe:
    """A Stripe that knows the charge of `du_1`."""
    stripe = ScriptedStripe()
    stripe.holds("/v1/charges/ch_1", {"id": "ch_1", "customer": customer})
    stripe.holds("/v1/invoice_payments", {"data": [{"invoice": invoice_id}] if invoice_id else []})
    return stripe


def links_of(database: Database, stripe_id: str) -> Row:
    return {name: value for name, value in objects(database)[stripe_id].items() if name != "state"}


def test_roles_of_objects() -> None:
    assert as_parents(SUBSCRIPTION, ["sub_1"]) == Parents(subscriptions={"sub_1"})
    assert as_parents(INVOICE, ["in_1"]) == Parents(invoices={"in_1"})
    assert not as_parents(DISPUTE, ["du_1"])
    assert parents_of([SUBSCRIBED.record, INVOICED.record, DISPUTED.record]) == Parents(subscriptions={"sub_1"})
    assert not parents_of([fact(invoice(of=None)).record])


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("order", list(permutations([SUBSCRIBED, INVOICED, DISPUTED])), ids=lambda _: "")
def test_parents_and_children_are_linked_in_any_order(
    database: Database, order: tuple[Fact, ...], together: bool
) -> None:
    processor = Processor(database, charged())
    for batch in [order] if together else [[one] for one in order]:
        processor.process(batch)
    assert links_of(database, "in_1")["subscription_id"] == "sub_1"
    assert links_of(database, "du_1") == INVOICE_LINKS
    assert event_links(database) == {
        "evt_sub_1_1": INVOICE_LINKS | {"invoice_id": None},
        "evt_in_1_2": INVOICE_LINKS,
        "evt_du_1_3": INVOICE_LINKS,
    }


def test_subscription_adopts_only_its_own_invoices(database: Database) -> None:
    others = [fact(invoice("in_2", of="sub_2")), fact(invoice("in_3", of=None))]
    Processor(database, charged()).process([INVOICED, *others])
    Processor(database, charged()).process([SUBSCRIBED])
    assert [links_of(database, one)["subscription_id"] for one in ("in_1", "in_2", "in_3")] == ["sub_1", None, None]


def test_dispute_without_a_customer_gets_its_user_from_the_invoice(database: Database) -> None:
    processor = Processor(database, charged(customer=None))
    processor.process([DISPUTED])
    assert links_of(database, "du_1") == dict.fromkeys(INVOICE_LINKS)
    processor.process([INVOICED])
    assert links_of(database, "du_1") == INVOICE_LINKS | {"subscription_id": None}
    assert event_links(database)["evt_du_1_3"]["user_id"] == 1


def test_dispute_of_an_invoice_to_come_keeps_its_customers_user(database: Database) -> None:
    Processor(database, charged()).process([DISPUTED])
    assert row(database, Dispute, stripe_dispute_id="du_1").user_id == 1
    assert event_links(database)["evt_du_1_3"]["user_id"] == 1


def test_dispute_of_no_customer_and_no_invoice_is_kept(database: Database) -> None:
    Processor(database, charged(customer=None, invoice_id=None)).process([DISPUTED])
    assert links_of(database, "du_1") == dict.fromkeys(INVOICE_LINKS)


def test_dispute_of_another_apps_customer_is_kept_without_a_user(database: Database) -> None:
    processor = Processor(database, charged(customer="cus_9"))
    assert processor.process([DISPUTED]).outcomes == {"evt_du_1_3": "applied"}
    assert links_of(database, "du_1")["user_id"] is None


def test_dispute_of_a_one_off_invoice_is_linked_to_it(database: Database) -> None:
    processor = Processor(database, charged())
    processor.process([DISPUTED])
    processor.process([fact(invoice(of=None), at=2)])
    assert links_of(database, "du_1") == INVOICE_LINKS | {"subscription_id": None}
    assert event_links(database)["evt_du_1_3"] == INVOICE_LINKS | {"subscription_id": None}


def test_later_events_of_a_child_are_linked_at_once(database: Database) -> None:
    processor = Processor(database, charged())
    processor.process([SUBSCRIBED, INVOICED])
    processor.process([fact(invoice(status="open"), at=1), fact(invoice(attempt_count=2), at=9)])
    assert event_links(database)["evt_in_1_1"] == event_links(database)["evt_in_1_9"] == INVOICE_LINKS


def test_redelivery_makes_up_for_a_worker_that_died_before_linking(database: Database) -> None:
    """Parent and child were committed without seeing each other, and neither worker came to look again."""
    processor = Processor(database, charged())
    processor.process([SUBSCRIBED, INVOICED, DISPUTED])
    unlink(database)
    for again in (SUBSCRIBED, INVOICED, DISPUTED):
        assert processor.process([again]).outcomes == {}
    assert links_of(database, "du_1") == INVOICE_LINKS
    assert event_links(database)["evt_in_1_2"] == INVOICE_LINKS


@pytest.mark.parametrize("again", [SUBSCRIBED, INVOICED], ids=["parent", "child"])
def test_redelivery_of_either_side_is_enough(database: Database, again: Fact) -> None:
    processor = Processor(database, charged())
    processor.process([SUBSCRIBED, INVOICED])
    unlink(database)
    processor.process([again])
    assert links_of(database, "in_1")["subscription_id"] == "sub_1"
    assert event_links(database)["evt_in_1_2"] == INVOICE_LINKS


def unlink(database: Database) -> None:
    with database.write() as session:
        session.execute(text('UPDATE "Invoices" SET "SubscriptionID" = NULL'))
        session.execute(text('UPDATE "Disputes" SET "SubscriptionID" = NULL, "InvoiceID" = NULL, "UserID" = NULL'))
        session.execute(text('UPDATE "BillingEvents" SET "SubscriptionID" = NULL'))


# --- both at once


class HeldBack(Database):
    """A database whose next transaction waits at its end, all its work done, until it is let go."""

    def __init__(self, database: Database) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        super().__init__(open_database(url).engine)
        self.waiting, self.let_go = threading.Event(), threading.Event()

    @contextmanager
    def write(self) -> Iterator[Session]:
        with super().write() as session:
            yield session
            session.flush()
            if not self.waiting.is_set():
                self.waiting.set()
                assert self.let_go.wait(20)


@contextmanager
def uncommitted(database: Database, first: Fact) -> Iterator[None]:
    """Process a fact, and hold its commit back for the length of the block."""
    held_back = HeldBack(database)
    thread = threading.Thread(target=Processor(held_back, charged()).process, args=[[first]])
    thread.start()
    try:
        assert held_back.waiting.wait(20)
        yield
    finally:
        held_back.let_go.set()
        thread.join(20)
        held_back.dispose()


@pytest.mark.parametrize(("first", "second"), [(SUBSCRIBED, INVOICED), (INVOICED, SUBSCRIBED)], ids=["parent", "child"])
def test_parent_and_child_that_do_not_see_each_other_are_linked(
    server_database: Database, first: Fact, second: Fact
) -> None:
    with uncommitted(server_database, first):
        Processor(server_database, charged()).process([second])
        assert links_missing(server_database)
    assert links_of(server_database, "in_1")["subscription_id"] == "sub_1"
    assert event_links(server_database)["evt_in_1_2"] == INVOICE_LINKS


@pytest.mark.parametrize(("first", "second"), [(INVOICED, DISPUTED), (DISPUTED, INVOICED)], ids=["parent", "child"])
def test_invoice_and_dispute_that_do_not_see_each_other_are_linked(
    server_database: Database, first: Fact, second: Fact
) -> None:
    Processor(server_database, charged()).process([SUBSCRIBED])
    with uncommitted(server_database, first):
        Processor(server_database, charged()).process([second])
    assert links_of(server_database, "du_1") == INVOICE_LINKS
    assert event_links(server_database)["evt_du_1_3"] == INVOICE_LINKS


def test_dispute_that_does_not_see_its_invoice_being_adopted_is_linked(server_database: Database) -> None:
    """The invoice was here, but its subscription was not yet when the dispute looked."""
    Processor(server_database, charged()).process([INVOICED])
    with uncommitted(server_database, SUBSCRIBED):
        Processor(server_database, charged()).process([DISPUTED])
    assert links_of(server_database, "du_1") == INVOICE_LINKS
    assert event_links(server_database)["evt_du_1_3"] == INVOICE_LINKS


def test_stale_event_that_does_not_see_the_adoption_is_linked(server_database: Database) -> None:
    """It leaves the invoice's row alone, so that the row is linked and only the event is not."""
    Processor(server_database, charged()).process([INVOICED])
    with uncommitted(server_database, SUBSCRIBED):
        Processor(server_database, charged()).process([fact(invoice(status="open"), at=1)])
    assert event_links(server_database)["evt_in_1_1"] == INVOICE_LINKS


def test_newer_event_that_waits_for_the_adoption_does_not_undo_it(server_database: Database) -> None:
    """It read the invoice's row before the adoption and writes after it."""
    Processor(server_database, charged()).process([INVOICED])
    later = threading.Thread(
        target=Processor(server_database, charged()).process, args=[[fact(invoice(number="B"), at=9)]]
    )
    with uncommitted(server_database, SUBSCRIBED):
        later.start()
        wait_for_lock(server_database)
    later.join(20)
    assert links_of(server_database, "in_1")["subscription_id"] == "sub_1"
    assert event_links(server_database)["evt_in_1_9"] == INVOICE_LINKS


def test_tie_that_waits_for_the_adoption_does_not_undo_it(server_database: Database) -> None:
    Processor(server_database, charged()).process([INVOICED])
    stripe = charged()
    stripe.holds("/v1/invoices/in_1", invoice(number="B"))
    tied = Processor(server_database, stripe)
    later = threading.Thread(target=tied.process, args=[[fact(invoice(number="B"), at=2, id="evt_tied")]])
    with uncommitted(server_database, SUBSCRIBED):
        later.start()
        wait_for_lock(server_database)
    later.join(20)
    assert links_of(server_database, "in_1")["subscription_id"] == "sub_1"
    assert event_links(server_database)["evt_tied"] == INVOICE_LINKS


def links_missing(database: Database) -> bool:
    """Whether, in what is committed so far, nothing is linked to a subscription."""
    return all(one["subscription_id"] is None for name, one in objects(database).items() if name == "in_1")
