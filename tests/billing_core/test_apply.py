from dataclasses import replace
from typing import Any

import pytest

from billing_core.apply import Applied, apply_facts, apply_fetched
from billing_core.database import Database
from billing_core.errors import RaceLost
from billing_core.facts import Fact
from billing_core.guard import ABSENT, Held, read_held
from billing_core.kinds import SUBSCRIPTION
from billing_core.links import Parents
from billing_core.models import BillingEvent, Dispute, Invoice, PaymentMethod, Subscription
from billing_core.ordering import Outcome
from billing_core.owners import UnknownCustomers, link_customer
from tests.building import detached, dispute, event, fact, invoice, moment, payment_method, state, subscription
from tests.stores import Row, count, event_links, link, objects, outcomes, row


def apply(database: Database, *facts: Fact) -> Applied:
    with database.write() as session:
        return apply_facts(session, facts)


def subscribed(database: Database) -> Subscription:
    found: Subscription = row(database, Subscription, stripe_subscription_id="sub_1")
    return found


def held(database: Database) -> Held:
    with database.read() as session:
        return read_held(session, SUBSCRIPTION, ["sub_1"])["sub_1"]


def as_they_stand(database: Database) -> tuple[dict[str, Row], dict[str, str]]:
    return objects(database), outcomes(database)


def test_event_and_its_effect_are_committed_together(database: Database) -> None:
    applied = apply(database, fact(subscription(), at=1))
    assert applied.outcomes == {"evt_sub_1_1": Outcome.APPLIED}
    assert objects(database)["sub_1"]["state"] == state(at=1)
    assert outcomes(database) == {"evt_sub_1_1": "applied"}


def test_neither_is_there_if_the_worker_fails_between_them(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise InterruptedError

    monkeypatch.setattr("billing_core.audit.record", fail)
    with pytest.raises(InterruptedError):
        apply(database, fact(subscription()), fact(invoice()))
    assert as_they_stand(database) == ({}, {})


def test_neither_is_there_if_the_worker_fails_before_the_commit(database: Database) -> None:
    def apply_and_fail() -> None:
        with database.write() as session:
            apply_facts(session, [fact(subscription())])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        apply_and_fail()
    assert as_they_stand(database) == ({}, {})


def test_row_tells_its_owner_its_moment_and_its_event(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    found = subscribed(database)
    assert (found.user_id, found.as_of, found.revision) == (1, moment(1), 1)
    assert found.last_event_id == "evt_sub_1_1"


def test_same_event_twice_has_one_effect(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    before, revision = as_they_stand(database), subscribed(database).revision
    again = apply(database, fact(subscription(), at=1, attempts=2))
    assert (again.outcomes, again.ties) == ({}, [])
    assert (as_they_stand(database), subscribed(database).revision) == (before, revision)
    assert row(database, BillingEvent, stripe_event_id="evt_sub_1_1").attempts == 1


def test_same_event_twice_in_one_batch_has_one_effect(database: Database) -> None:
    one = fact(subscription(), at=1)
    assert apply(database, one, one).outcomes == {"evt_sub_1_1": Outcome.APPLIED}
    assert count(database, BillingEvent) == 1


def test_newer_event_applies_and_names_what_it_changed(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    apply(database, fact(subscription(status="past_due"), at=2))
    assert (subscribed(database).status, subscribed(database).revision) == ("past_due", 2)
    assert row(database, BillingEvent, stripe_event_id="evt_sub_1_2").changes == {"status": ["active", "past_due"]}


def test_older_event_is_stale_and_leaves_newer_state_alone(database: Database) -> None:
    apply(database, fact(subscription(), at=2))
    before = subscribed(database)
    assert apply(database, fact(subscription(status="incomplete"), at=1)).outcomes == {"evt_sub_1_1": Outcome.STALE}
    after = subscribed(database)
    assert (after.status, after.revision, after.updated_at) == ("active", 1, before.updated_at)
    assert row(database, BillingEvent, stripe_event_id="evt_sub_1_1").changes is None


def test_event_of_the_same_second_that_says_the_same_is_applied_without_change(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    twin = fact(subscription(), at=1, id="evt_twin")
    assert apply(database, twin).outcomes == {"evt_twin": Outcome.APPLIED}
    assert subscribed(database).revision == 1
    assert row(database, BillingEvent, stripe_event_id="evt_twin").changes is None


def test_event_of_the_same_second_that_says_something_else_is_left_for_stripe_to_decide(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    other = fact(subscription(status="past_due"), at=1, id="evt_other")
    applied = apply(database, other)
    assert (applied.outcomes, applied.ties) == ({}, [other])
    assert outcomes(database) == {"evt_sub_1_1": "applied"}
    assert subscribed(database).status == "active"


def test_ended_subscription_stays_ended(database: Database) -> None:
    apply(database, fact(subscription(status="canceled"), at=1, type="customer.subscription.deleted"))
    assert apply(database, fact(subscription(), at=9)).outcomes == {"evt_sub_1_9": Outcome.STALE}
    assert subscribed(database).status == "canceled"


def test_detached_payment_method_keeps_its_row_and_its_customer(database: Database) -> None:
    apply(database, fact(payment_method(), at=1))
    apply(database, detached(at=5))
    found = row(database, PaymentMethod, stripe_payment_method_id="pm_1")
    assert (found.detached_at, found.stripe_customer_id, found.user_id) == (moment(5), "cus_1", 1)


def test_payment_method_detached_before_it_was_attached_stays_detached(database: Database) -> None:
    apply(database, detached(at=5))
    assert apply(database, fact(payment_method(), at=1)).outcomes == {"evt_pm_1_1": Outcome.STALE}
    assert row(database, PaymentMethod, stripe_payment_method_id="pm_1").detached_at == moment(5)


def test_batch_takes_a_whole_history_of_several_objects_at_once(database: Database) -> None:
    steps = [fact(subscription(status=status), at=at) for at, status in enumerate(("incomplete", "active", "past_due"))]
    applied = apply(database, *reversed(steps), fact(invoice()), fact(payment_method()))
    assert set(applied.outcomes.values()) == {Outcome.APPLIED}
    assert (subscribed(database).status, subscribed(database).revision) == ("past_due", 1)
    changed = [row(database, BillingEvent, stripe_event_id=one.event.id).changes for one in steps]
    assert [one["status"] for one in changed] == [
        [None, "incomplete"],
        ["incomplete", "active"],
        ["active", "past_due"],
    ]
    assert objects(database).keys() == {"sub_1", "in_1", "pm_1"}


def test_event_of_a_customer_without_a_user_is_parked_with_its_reason(database: Database) -> None:
    link(database, "cus_9", None)
    applied = apply(database, fact(subscription(customer="cus_9")))
    assert applied.outcomes == {"evt_sub_1_0": Outcome.PARKED}
    parked = row(database, BillingEvent, stripe_event_id="evt_sub_1_0")
    assert parked.reason.startswith("no user is linked to the customer")
    assert parked.stripe_customer_id == "cus_9"
    assert (parked.object_id, parked.user_id) == ("sub_1", None)
    assert objects(database) == {}


def test_parked_event_is_applied_when_it_comes_again_after_linking(database: Database) -> None:
    link(database, "cus_9", None)
    one = fact(subscription(customer="cus_9"))
    assert apply(database, one).outcomes == {"evt_sub_1_0": Outcome.PARKED}
    with database.write() as session:
        link_customer(session, "cus_9", 2)
    assert apply(database, replace(one, attempts=2)).outcomes == {"evt_sub_1_0": Outcome.APPLIED}
    assert count(database, BillingEvent) == 1
    progress = row(database, BillingEvent, stripe_event_id="evt_sub_1_0")
    assert (progress.outcome, progress.reason, progress.attempts) == ("applied", None, 3)
    assert event_links(database)["evt_sub_1_0"] == {"user_id": 2, "subscription_id": "sub_1", "invoice_id": None}


def test_event_of_a_deleted_customer_is_foreign(database: Database) -> None:
    link(database, "cus_9", None, deleted_at=moment())
    assert apply(database, fact(invoice(customer="cus_9"))).outcomes == {"evt_in_1_0": Outcome.FOREIGN}
    reason = row(database, BillingEvent, stripe_event_id="evt_in_1_0").reason
    assert reason.startswith("the customer is deleted or unknown at Stripe")
    assert count(database, Invoice) == 0


def test_event_of_a_user_whose_customer_was_deleted_later_is_applied(database: Database) -> None:
    link(database, "cus_9", 2, deleted_at=moment(99))
    assert apply(database, fact(subscription(customer="cus_9"))).outcomes == {"evt_sub_1_0": Outcome.APPLIED}


def test_dispute_of_nobody_is_kept_because_money_is_at_stake(database: Database) -> None:
    assert apply(database, fact(dispute())).outcomes == {"evt_du_1_0": Outcome.APPLIED}
    assert row(database, Dispute, stripe_dispute_id="du_1").user_id is None


def test_owned_and_unowned_events_of_a_batch_do_not_disturb_each_other(database: Database) -> None:
    link(database, "cus_9", None)
    applied = apply(database, fact(subscription()), fact(subscription("sub_9", customer="cus_9")))
    assert applied.outcomes == {"evt_sub_1_0": Outcome.APPLIED, "evt_sub_9_0": Outcome.PARKED}
    assert outcomes(database) == {"evt_sub_1_0": "applied", "evt_sub_9_0": "parked"}


def test_event_of_a_customer_never_heard_of_writes_nothing(database: Database) -> None:
    with pytest.raises(UnknownCustomers, match="cus_9"):
        apply(database, fact(subscription()), fact(subscription("sub_9", customer="cus_9")))
    assert (objects(database), outcomes(database)) == ({}, {})


def test_nothing_to_apply_applies_nothing(database: Database) -> None:
    assert apply(database) == Applied({}, [], Parents())


# --- what Stripe said about a tie

TIED = fact(subscription(status="past_due"), at=1, id="evt_tied")


def settle(database: Database, seen: Held, **fields: Any) -> None:
    with database.write() as session:
        apply_fetched(session, SUBSCRIPTION, seen, state(**fields), [TIED])


def test_fetched_state_is_written_with_the_tied_events(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    settle(database, held(database), at=3, status="past_due")
    found = subscribed(database)
    assert (found.status, found.as_of, found.revision, found.last_event_id) == ("past_due", moment(3), 2, None)
    told = row(database, BillingEvent, stripe_event_id="evt_tied")
    assert (told.outcome, told.changes) == ("tie", {"status": ["active", "past_due"]})
    assert event_links(database)["evt_tied"] == {"user_id": 1, "subscription_id": "sub_1", "invoice_id": None}


def test_fetched_state_is_not_written_over_a_row_that_changed_meanwhile(database: Database) -> None:
    apply(database, fact(subscription(), at=1))
    seen = held(database)
    apply(database, fact(subscription(status="unpaid"), at=9))
    with pytest.raises(RaceLost):
        settle(database, seen, at=3, status="past_due")
    assert (subscribed(database).status, subscribed(database).as_of) == ("unpaid", moment(9))
    assert "evt_tied" not in outcomes(database)


def test_fetched_state_does_not_bring_an_ended_object_back(database: Database) -> None:
    """Nor does the audit claim that it did."""
    apply(database, fact(subscription(status="canceled"), at=1))
    settle(database, held(database), at=3, status="past_due")
    assert subscribed(database).status == "canceled"
    told = row(database, BillingEvent, stripe_event_id="evt_tied")
    assert (told.outcome, told.changes) == ("tie", None)


def test_fetched_state_of_an_object_without_a_row_makes_one(database: Database) -> None:
    settle(database, ABSENT, at=3)
    assert subscribed(database).as_of == moment(3)


def test_fact_names_its_object_and_its_moment() -> None:
    told = event(subscription(), at=4)
    one = fact(subscription(), at=4)
    assert (one.object_id, one.kind, one.state) == ("sub_1", SUBSCRIPTION, state(at=4))
    assert one.event == told
