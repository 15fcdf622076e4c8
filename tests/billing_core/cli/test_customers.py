"""`billing customers link`: what waited for the customer's user is applied, and what had none gets it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from billing_core.models import BillingCustomer, Invoice, Refund
from config.queues import Family
from tests.billing_core.cli.operator import Operation, billing
from tests.building import T0, event_body, invoice
from tests.stores import count, outcomes, row

BEYOND_INT = 2**31


def of_cus_9(*numbers: int, **fields: Any) -> dict[str, bytes]:
    """Return bodies of events about invoices of a customer whom nobody knows yet."""
    return {
        f"evt_{number}": event_body(invoice(f"in_{number}", customer="cus_9", **fields), id=f"evt_{number}")
        for number in numbers
    }


@pytest.fixture
def parked(operation: Operation) -> Operation:
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    operation.handle(of_cus_9(1, 2))
    assert outcomes(operation.here.database) == {"evt_1": "parked", "evt_2": "parked"}
    return operation


def test_link_applies_what_was_parked(parked: Operation) -> None:
    answer = billing("customers", "link", "cus_9", "2")
    assert (answer.code, answer.lines) == (0, ["cus_9 is user 2", "2 parked events queued again"])
    assert parked.queued() == ["evt_1", "evt_2"]
    parked.work()
    assert outcomes(parked.here.database) == {"evt_1": "applied", "evt_2": "applied"}
    assert row(parked.here.database, Invoice, stripe_invoice_id="in_2").user_id == 2
    assert parked.event("evt_1").user_id == 2


def test_link_as_json_names_the_events_queued_again(parked: Operation) -> None:
    assert billing("customers", "link", "cus_9", "2", "--json").json() == {
        "customer": "cus_9",
        "user_id": 2,
        "former_user_id": None,
        "queued_again": ["evt_1", "evt_2"],
    }


def test_list_shows_who_has_no_user_while_their_events_wait(parked: Operation) -> None:
    parked.handle({"evt_3": event_body(invoice("in_3"), id="evt_3")})
    [waiting] = billing("customers", "list", "--json").json()
    assert (waiting["stripe_customer_id"], waiting["events"]) == ("cus_9", 2)
    assert waiting["oldest_received_at"] <= waiting["newest_received_at"]
    heading, line = billing("customers", "list").lines
    assert heading.split()[0] == "stripe_customer_id"
    assert line.split()[:2] == ["cus_9", "2"]
    billing("customers", "link", "cus_9", "2")
    parked.work()
    assert billing("customers", "list", "--json").json() == []


def test_link_before_the_first_event_is_stored(operation: Operation) -> None:
    answer = billing("customers", "link", "cus_9", "1")
    assert (answer.code, answer.lines) == (0, ["cus_9 is user 1", "0 parked events queued again"])
    operation.handle(of_cus_9(1))
    assert outcomes(operation.here.database) == {"evt_1": "applied"}
    assert operation.stripe.asked == []


def test_link_anew_names_the_former_user(operation: Operation) -> None:
    assert billing("customers", "link", "cus_1", "2").lines[0] == "cus_1 is user 2 (was 1)"
    assert billing("customers", "link", "cus_1", "2").lines[0] == "cus_1 is user 2"
    assert row(operation.here.database, BillingCustomer, stripe_customer_id="cus_1").user_id == 2


def test_money_that_moved_without_a_user_gets_its_user(operation: Operation) -> None:
    """A refund is kept without a user: no event about it may ever come again."""
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    operation.stripe.holds("/v1/charges/ch_9", {"id": "ch_9", "customer": "cus_9"})
    refund = {
        "id": "re_1",
        "object": "refund",
        "charge": {"id": "ch_9", "object": "charge", "customer": "cus_9", "payment_intent": None, "invoice": None},
        "payment_intent": None,
        "amount": 500,
        "currency": "aud",
        "status": "succeeded",
        "created": T0,
    }
    operation.handle({"evt_1": event_body(refund, id="evt_1", type="refund.created")}, Family.REFUND)
    assert row(operation.here.database, Refund, stripe_refund_id="re_1").user_id is None
    assert billing("customers", "link", "cus_9", "2").code == 0
    assert row(operation.here.database, Refund, stripe_refund_id="re_1").user_id == 2
    assert operation.event("evt_1").user_id == 2


def test_unknown_user_is_one_line_and_exit_code_1(parked: Operation) -> None:
    answer = billing("customers", "link", "cus_9", "99")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "Users has no UserID 99: cus_9 was not linked\n"
    assert parked.queued() == []


@pytest.mark.parametrize("user", ["jane", "0", "-1", str(BEYOND_INT)])
@pytest.mark.usefixtures("operation")
def test_what_is_no_user_id_is_wrong_usage(user: str) -> None:
    answer = billing("customers", "link", "--", "cus_9", user)
    assert (answer.code, answer.out) == (2, "")


def test_link_while_a_worker_learns_of_the_same_customer_waits_its_turn(operation: Operation) -> None:
    """Both may insert the row at once: whoever loses looks again."""
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {"user_id": "1"}})
    operation.accept(of_cus_9(*range(20)))
    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(operation.work)
        assert billing("customers", "link", "cus_9", "2").code == 0
        working.result()
    assert count(operation.here.database, BillingCustomer) == 3
    assert row(operation.here.database, BillingCustomer, stripe_customer_id="cus_9").user_id == 2
