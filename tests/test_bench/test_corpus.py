import json
from itertools import islice

from billing_core.event_types import FAMILY_OF
from billing_core.events import decode_event
from billing_core.facts import Query
from config.queues import Family
from tests.bench.corpus import COHORT, DISPUTING, customers_for, events_of, month
from workers import handlers


def test_every_event_has_its_own_id_and_carries_it() -> None:
    events = list(events_of(range(1, 2 * COHORT)))
    assert len({posted.event_id for posted in events}) == len(events)
    assert all(json.loads(body)["id"] == event_id for event_id, body in events)


def test_every_event_tells_a_state_that_a_worker_can_apply_without_asking_stripe() -> None:
    for event_id, body in events_of(range(DISPUTING, DISPUTING + 1)):
        _, told = handlers.read(decode_event(event_id, body))
        assert not isinstance(told, Query)


def test_events_are_about_the_customer_alone() -> None:
    for _, body in events_of(range(7, 8)):
        assert b"00000007" in body
        assert b"00000001" not in body


def test_month_has_eight_events_for_everybody_and_those_of_a_dispute_for_some() -> None:
    events = [json.loads(body) for _, body in events_of(range(1, COHORT + 1))]
    families = [FAMILY_OF[event["type"]] for event in events]
    assert len(events) == 8 * COHORT + families.count(Family.DISPUTE)
    assert families.count(Family.DISPUTE) == COHORT // DISPUTING * len(month().disputing) > 0
    assert {Family.SUBSCRIPTION, Family.INVOICE, Family.PAYMENT_METHOD} < set(families)


def test_events_are_as_large_as_the_issue_wants_them() -> None:
    sizes = [len(body) for _, body in events_of(range(1, COHORT + 1))]
    assert 5300 < sum(sizes) / len(sizes) < 5500


def test_no_two_states_of_an_invoice_are_of_one_second() -> None:
    invoices = [json.loads(body) for _, body in events_of(range(1, 2))]
    states = {
        (event["created"], event["data"]["object"]["status"])
        for event in invoices
        if event["data"]["object"]["object"] == "invoice"
    }
    assert len({created for created, _ in states}) == len(states)


def test_enough_customers_are_counted_for_any_number_of_events() -> None:
    for amount in (1, 8 * COHORT, 8 * COHORT + 1):
        customers = customers_for(amount)
        assert len(list(islice(events_of(range(1, customers + 1)), amount))) == amount
