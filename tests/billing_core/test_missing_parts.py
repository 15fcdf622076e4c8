from dataclasses import replace

import pytest

from billing_core.database import Database
from billing_core.errors import StripeUnavailable
from billing_core.guard import look_up
from billing_core.kinds import KIND_OF
from billing_core.missing_parts import as_fetched, complete, complete_from
from billing_core.ordering import State
from billing_core.process import Processor
from billing_core.records import DisputeRecord, PaymentMethodRecord, Record
from billing_core.shapes import dispute_record, invoice_record, payment_method_record
from tests.building import Json, detached, dispute, fact, invoice, moment, payment_method, record
from tests.scripted_stripe import ScriptedStripe, down

CHARGE, PAYMENTS = "/v1/charges/ch_1", "/v1/invoice_payments"


@pytest.fixture
def stripe(database: Database) -> ScriptedStripe:
    return ScriptedStripe(watched=database)


def look_and_complete(database: Database, stripe: ScriptedStripe, told: Record) -> Record:
    kind = KIND_OF[type(told)]
    return complete(stripe, look_up(database, kind, kind.stripe_id(told)).record, told)


def completed(database: Database, stripe: ScriptedStripe, obj: Json) -> DisputeRecord:
    found = look_and_complete(database, stripe, dispute_record(obj))
    assert isinstance(found, DisputeRecord)
    return found


def test_dispute_leads_to_customer_and_invoice_through_charge_and_payments(
    database: Database, stripe: ScriptedStripe
) -> None:
    stripe.holds(CHARGE, {"id": "ch_1", "customer": "cus_1"})
    stripe.holds(PAYMENTS, {"data": [{"invoice": "in_1"}]})
    found = completed(database, stripe, dispute())
    assert (found.stripe_customer_id, found.stripe_invoice_id) == ("cus_1", "in_1")
    assert stripe.asked == [CHARGE, PAYMENTS]


def test_charge_before_basil_names_its_invoice_itself(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds(CHARGE, {"id": "ch_1", "customer": "cus_1", "invoice": "in_1"})
    assert completed(database, stripe, dispute()).stripe_invoice_id == "in_1"
    assert stripe.asked == [CHARGE]


def test_dispute_of_2017_leads_to_its_invoice_through_the_charges_payment_intent(
    database: Database, stripe: ScriptedStripe
) -> None:
    stripe.holds(CHARGE, {"id": "ch_1", "customer": "cus_1", "payment_intent": "pi_1"})
    stripe.holds(PAYMENTS, {"data": [{"invoice": "in_1"}]})
    assert completed(database, stripe, dispute(payment_intent=None)).stripe_invoice_id == "in_1"


def test_charge_of_no_invoice_and_no_customer_leaves_both_open(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds(CHARGE, {"id": "ch_1", "customer": None})
    stripe.holds(PAYMENTS, {"data": []})
    found = completed(database, stripe, dispute())
    assert (found.stripe_customer_id, found.stripe_invoice_id) == (None, None)


def test_charge_that_stripe_lost_leaves_both_open(database: Database, stripe: ScriptedStripe) -> None:
    found = completed(database, stripe, dispute(payment_intent=None))
    assert (found.stripe_customer_id, found.stripe_invoice_id) == (None, None)


def test_silence_about_a_charge_is_raised(database: Database, stripe: ScriptedStripe) -> None:
    stripe.failing[CHARGE] = down()
    with pytest.raises(StripeUnavailable):
        completed(database, stripe, dispute())


def test_known_dispute_is_completed_from_our_row(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds(CHARGE, {"id": "ch_1", "customer": "cus_1", "invoice": "in_1"})
    Processor(database, stripe).process([fact(dispute())])
    stripe.asked.clear()
    found = completed(database, stripe, dispute(status="won"))
    assert (found.stripe_customer_id, found.stripe_invoice_id, found.status) == ("cus_1", "in_1", "won")
    assert stripe.asked == []


def test_detached_payment_method_is_completed_from_our_row(database: Database, stripe: ScriptedStripe) -> None:
    Processor(database, stripe).process([fact(payment_method())])
    found = look_and_complete(database, stripe, payment_method_record(payment_method(customer=None), moment(9)))
    assert found.stripe_customer_id == "cus_1"
    assert stripe.asked == []


def test_unknown_detached_payment_method_stays_without_a_customer(database: Database, stripe: ScriptedStripe) -> None:
    gone = payment_method_record(payment_method(id="pm_9", customer=None), moment(9))
    assert look_and_complete(database, stripe, gone) == gone


def test_complete_record_stays_as_it_is(stripe: ScriptedStripe) -> None:
    for whole in (record(), invoice_record(invoice()), payment_method_record(payment_method())):
        assert complete(stripe, None, whole) is whole


def test_what_the_new_record_says_itself_wins() -> None:
    held = replace(dispute_record(dispute()), stripe_customer_id="cus_1", stripe_invoice_id="in_1")
    new = replace(held, stripe_customer_id="cus_2", stripe_invoice_id="in_2")
    assert complete_from(held, new) == new
    assert complete_from(None, new) == new


def test_fetched_state_is_no_older_than_what_was_seen() -> None:
    assert as_fetched(None, State(record(), moment(3)), seen=moment(5)).as_of == moment(5)
    assert as_fetched(None, State(record(), moment(7)), seen=moment(5)).as_of == moment(7)


def test_payment_method_fetched_without_a_customer_is_detached_since_it_was_last_seen() -> None:
    held, gone = payment_method_record(payment_method()), payment_method_record(payment_method(customer=None))
    found = as_fetched(held, State(gone, moment(99)), seen=moment(5))
    assert found == State(replace(held, detached_at=moment(5)), moment(5))


def test_payment_method_fetched_as_detached_keeps_the_moment_that_its_event_told() -> None:
    held = detached(at=4).record
    gone = payment_method_record(payment_method(customer=None))
    found = as_fetched(held, State(gone, moment(99)), seen=moment(5)).record
    assert isinstance(found, PaymentMethodRecord)
    assert (found.detached_at, found.stripe_customer_id) == (moment(4), "cus_1")
    first = as_fetched(None, State(gone, moment(99)), seen=moment(5)).record
    assert isinstance(first, PaymentMethodRecord)
    assert first.detached_at == moment(5)


def test_payment_method_fetched_with_its_customer_is_attached() -> None:
    held = payment_method_record(payment_method())
    new = payment_method_record(payment_method(card={"brand": "visa", "last4": "1881"}))
    assert as_fetched(held, State(new, moment(9)), seen=moment(5)) == State(new, moment(9))
