from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from billing_core.database import Database
from billing_core.errors import StripeRefused, StripeUnavailable
from billing_core.models import BillingCustomer
from billing_core.owners import learn_customers, owners_of
from tests.building import Json, moment
from tests.scripted_stripe import ScriptedStripe, down
from tests.stores import count, link, row


@pytest.fixture
def stripe(database: Database) -> ScriptedStripe:
    return ScriptedStripe(watched=database, as_of=7)


def customer(**fields: Any) -> Json:
    return {"id": "cus_9", "object": "customer", "email": "jenny@example.com", "metadata": {"user_id": "2"}} | fields


def learned(database: Database) -> BillingCustomer:
    found: BillingCustomer = row(database, BillingCustomer, stripe_customer_id="cus_9")
    return found


def test_known_customers_need_no_question(database: Database, stripe: ScriptedStripe) -> None:
    assert learn_customers(database, stripe, {"cus_1", "cus_2"}) == {}
    assert stripe.asked == []


def test_unknown_customer_is_asked_about_once_and_stored(database: Database, stripe: ScriptedStripe) -> None:
    chosen = {"default_payment_method": "pm_7"}
    stripe.holds("/v1/customers/cus_9", customer(invoice_settings=chosen))
    learn_customers(database, stripe, {"cus_9", "cus_1"})
    learn_customers(database, stripe, {"cus_9"})
    assert stripe.asked == ["/v1/customers/cus_9"]
    assert (learned(database).user_id, learned(database).default_payment_method) == (2, "pm_7")
    assert (learned(database).as_of, learned(database).deleted_at) == (moment(7), None)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"user_id": ""},
        {"user_id": "99"},
        {"user_id": "jenny"},
        {"user_id": "-1"},
        {"user_id": "1.0"},
        {"user_id": " 1"},
        {"user_id": "²"},
        {"user_id": "\N{ARABIC-INDIC DIGIT ONE}"},
        {"user_id": str(2**31)},
        {"user_id": "9" * 400},
    ],
    ids=lambda metadata: str(metadata)[:24],
)
def test_customer_that_names_no_user_of_ours_is_known_without_one(
    database: Database, stripe: ScriptedStripe, metadata: Json | None
) -> None:
    stripe.holds("/v1/customers/cus_9", customer(metadata=metadata))
    assert learn_customers(database, stripe, {"cus_9"}) == {}
    assert (learned(database).user_id, learned(database).deleted_at) == (None, None)


def test_deleted_customer_is_stored_as_deleted(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "object": "customer", "deleted": True})
    learn_customers(database, stripe, {"cus_9"})
    assert (learned(database).deleted_at, learned(database).user_id) == (moment(7), None)


def test_customer_that_stripe_never_had_is_stored_as_deleted(database: Database, stripe: ScriptedStripe) -> None:
    learn_customers(database, stripe, {"cus_9"})
    assert learned(database).deleted_at is not None


def test_after_one_silence_the_rest_is_not_asked(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds("/v1/customers/cus_7", customer(id="cus_7"))
    stripe.failing["/v1/customers/cus_8"] = down()
    unanswered = learn_customers(database, stripe, {"cus_9", "cus_8", "cus_7", "cus_1"})
    assert unanswered.keys() == {"cus_8", "cus_9"}
    assert {type(trouble) for trouble in unanswered.values()} == {StripeUnavailable}
    assert stripe.asked == ["/v1/customers/cus_7", "/v1/customers/cus_8"]
    assert row(database, BillingCustomer, stripe_customer_id="cus_7").user_id == 2


def test_refusal_is_raised(database: Database, stripe: ScriptedStripe) -> None:
    stripe.failing["*"] = StripeRefused("GET: 400")
    with pytest.raises(StripeRefused):
        learn_customers(database, stripe, {"cus_9"})


def test_answer_that_another_worker_stored_meanwhile_is_kept(database: Database, stripe: ScriptedStripe) -> None:
    stripe.holds("/v1/customers/cus_9", customer(metadata={}))
    stripe.meanwhile["/v1/customers/cus_9"] = lambda: link(database, "cus_9", 1)
    assert learn_customers(database, stripe, {"cus_9"}) == {}
    assert learned(database).user_id == 1


def test_answer_stored_within_the_same_instant_is_kept(
    database: Database, stripe: ScriptedStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both workers saw no row, and both insert: the database lets one of them."""
    link(database, "cus_9", 1)
    monkeypatch.setattr("billing_core.owners.owners_of", lambda _session, _customers: {})
    assert learn_customers(database, stripe, {"cus_9"}) == {}
    assert count(database, BillingCustomer) == 3


def test_user_deleted_between_look_and_insert_is_an_error(
    database: Database, stripe: ScriptedStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe.holds("/v1/customers/cus_9", customer())
    monkeypatch.setattr("billing_core.owners.Owners.columns", lambda _owners, _record: {"user_id": 99})
    with pytest.raises(IntegrityError):
        learn_customers(database, stripe, {"cus_9"})


def test_owners_are_by_stripes_id_byte_for_byte(database: Database) -> None:
    with database.read() as session:
        assert owners_of(session, ["cus_1", "CUS_2", "cus_none"]).keys() == {"cus_1"}
        assert session.scalar(sa.select(sa.func.count()).select_from(BillingCustomer)) == 2
