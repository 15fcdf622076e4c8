"""What is personal of a user is gone from all tables, and nothing brings it back."""

from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.actions import list_actions
from billing_core.commands import Commands
from billing_core.database import Database
from billing_core.erasure import CannotErase, Erased, erase_user
from billing_core.models import (
    BillingCommand,
    BillingCustomer,
    BillingEvent,
    Model,
    PaymentMethod,
    Subscription,
)
from billing_core.models.declarative import utc_now
from billing_core.process import Processor
from tests.building import fact, payment_method, subscription
from tests.scripted_stripe import ScriptedStripe
from tests.stores import count, row

CARD = {"last4": "4721", "brand": "cardbrand", "exp_month": 11, "exp_year": 2034}
NAMED = "zoe@example.com"


def process(database: Database, *facts: Any) -> None:
    assert not Processor(database, ScriptedStripe()).process(facts).later


def attach(database: Database, number: int, customer: str = "cus_1", **options: Any) -> None:
    method = payment_method(f"pm_{number}", customer=customer, card=CARD)
    process(database, fact(method, id=f"evt_{number}", type="payment_method.attached", **options))


def erase(database: Database, user_id: int = 1, *, force: bool = False) -> Erased:
    return erase_user(database, user_id, subject="cli:jane", source="cli", force=force)


def everything(database: Database) -> str:
    """Return whatever stands in the database."""
    with database.read() as session:
        rows = [one for table in Model.metadata.sorted_tables for one in session.execute(sa.select(table))]
        return str([tuple(one) for one in rows])  # a Row's own text leaves out most of a payload


def card_of(database: Database, number: int) -> tuple[Any, ...]:
    found = row(database, PaymentMethod, stripe_payment_method_id=f"pm_{number}")
    return found.type, found.last4, found.brand, found.exp_month, found.exp_year


def test_nothing_personal_is_left_of_the_user_and_all_of_others(database: Database) -> None:
    with database.write() as session:
        session.execute(sa.update(BillingCustomer).values(named_user=NAMED))
    attach(database, 1)
    attach(database, 2, "cus_2")
    assert erase(database) == Erased(customers=1, payment_methods=1, commands=0, events=1)
    assert card_of(database, 1) == ("card", None, None, None, None)
    assert card_of(database, 2) == ("card", *CARD.values())
    event = row(database, BillingEvent, stripe_event_id="evt_1")
    assert (event.event_data, event.error, event.changes, event.outcome) == (None, None, None, "applied")
    assert row(database, BillingEvent, stripe_event_id="evt_2").event_data
    assert row(database, BillingCustomer, stripe_customer_id="cus_1").named_user is None
    assert row(database, BillingCustomer, stripe_customer_id="cus_2").named_user == NAMED
    erase(database, 2)
    assert {text for text in ("4721", "cardbrand", "2034", NAMED) if text in everything(database)} == set()


def test_what_comes_later_is_recorded_without_the_person(database: Database) -> None:
    attach(database, 1)
    erase(database)
    attach(database, 2)
    attach(database, 3, "cus_2")
    assert card_of(database, 2) == ("card", None, None, None, None)
    event = row(database, BillingEvent, stripe_event_id="evt_2")
    assert (event.outcome, event.event_data, event.user_id) == ("applied", None, 1)
    assert "4721" not in str(event.changes)
    assert card_of(database, 3) == ("card", *CARD.values())


def test_customer_that_names_the_user_anew_stays_linked_and_names_nobody(database: Database) -> None:
    erase(database)
    named = {"id": "cus_1", "object": "customer", "metadata": {"user_id": "2"}}
    process(database, fact(named, id="evt_1", type="customer.updated"))
    customer = row(database, BillingCustomer, stripe_customer_id="cus_1")
    assert (customer.user_id, customer.named_user) == (1, None)


def test_living_subscription_needs_force(database: Database) -> None:
    process(database, fact(subscription(status="active"), id="evt_1"))
    with pytest.raises(CannotErase, match=r"^sub_1: not over yet"):
        erase(database)
    assert row(database, BillingEvent).event_data
    assert erase(database, force=True).events == 1
    assert row(database, Subscription).status == "active"
    with database.read() as session:
        (action,) = list_actions(session)
    assert (action["action"], action["target"], action["details"]) == (
        "users.erase",
        "1",
        {"living_subscriptions": ["sub_1"]},
    )


def test_user_that_is_none_is_refused(any_database: Database) -> None:
    with pytest.raises(CannotErase, match=r"^Users has no UserID 99: nothing was erased"):
        erase(any_database, 99)
    assert count(any_database, BillingEvent) == 0


def test_second_erasure_finds_what_is_new_and_keeps_the_first_moment(any_database: Database) -> None:
    attach(any_database, 1)
    erase(any_database)
    first = row(any_database, BillingCustomer, stripe_customer_id="cus_1").erased_at
    assert erase(any_database).events == 0
    assert row(any_database, BillingCustomer, stripe_customer_id="cus_1").erased_at == first


def test_finished_commands_lose_what_their_caller_wrote(any_database: Database) -> None:
    arguments = {"user_id": 1, "payment_method_id": "pm_1", "price_id": "price_1", "metadata": {"note": NAMED}}
    commands = Commands(any_database)
    for key in ("done", "pending"):
        commands.submit("create_subscription", arguments, idempotency_key=key, subject="1")
    with any_database.write() as session:
        done = sa.update(BillingCommand).where(BillingCommand.idempotency_key == "done")
        session.execute(done.values(finished_at=utc_now(), steps={"customer": {"params": NAMED}}))
    assert erase(any_database).commands == 1
    kept = row(any_database, BillingCommand, idempotency_key="done")
    assert (kept.arguments, kept.steps) == (arguments | {"metadata": {}} | _defaults(kept.arguments), None)
    assert row(any_database, BillingCommand, idempotency_key="pending").arguments["metadata"] == {"note": NAMED}


def _defaults(arguments: dict[str, Any]) -> dict[str, Any]:
    given = {"user_id", "payment_method_id", "price_id", "metadata"}
    return {name: value for name, value in arguments.items() if name not in given}
