"""From facts to rows on real databases, with Stripe asked outside any transaction."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count as numbers
from itertools import pairwise, permutations
from threading import Barrier

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from billing_core.apply import Applied, apply_facts
from billing_core.database import Database
from billing_core.errors import (
    DatabaseUnavailable,
    MalformedEvent,
    RaceLost,
    StripeObjectMissing,
    StripeRefused,
    StripeUnavailable,
)
from billing_core.facts import Fact
from billing_core.guard import Held, read_held
from billing_core.kinds import DISPUTE, INVOICE, KIND_OF, PAYMENT_METHOD, SUBSCRIPTION, Kind
from billing_core.models import BillingCustomer, BillingEvent, PaymentMethod, Subscription
from billing_core.ordering import Outcome
from billing_core.process import Processor
from billing_core.records import values_of
from billing_core.stripe_api import StripeApi
from tests.building import (
    T0,
    Json,
    detached,
    dispute,
    fact,
    fact_from,
    invoice,
    moment,
    payment_method,
    state,
    subscription,
)
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import EIGHT_TYPES, call, customer_with_card
from tests.fake_stripe.builders import subscription as subscribe
from tests.scripted_stripe import ScriptedStripe, down
from tests.stores import THREADS, count, event_links, objects, open_database, outcomes, row, start_over

SUB = "/v1/subscriptions/sub_1"

# A database is emptied or its rows are named anew in each example, so that a fixture may serve them all.
on_one_database = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@pytest.fixture
def stripe(database: Database) -> ScriptedStripe:
    return ScriptedStripe(watched=database)


@pytest.fixture
def processor(database: Database, stripe: ScriptedStripe) -> Processor:
    return Processor(database, stripe)


def subscribed(database: Database, stripe_id: str = "sub_1") -> Subscription:
    found: Subscription = row(database, Subscription, stripe_subscription_id=stripe_id)
    return found


# --- ties

ACTIVE = fact(subscription(status="active"), at=1, id="evt_active")
PAST_DUE = fact(subscription(status="past_due"), at=1, id="evt_past_due")


@pytest.mark.parametrize("truth", [ACTIVE, PAST_DUE, fact(subscription(status="unpaid"), at=1)], ids=lambda _: "")
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
def test_tie_is_settled_by_what_stripe_says(
    database: Database, processor: Processor, stripe: ScriptedStripe, truth: Fact, together: bool
) -> None:
    stripe.as_of = 7
    stripe.holds(SUB, truth.event.data.object)
    for batch in [[ACTIVE, PAST_DUE]] if together else [[ACTIVE], [PAST_DUE]]:
        processed = processor.process(batch)
    assert processed.outcomes["evt_past_due"] is Outcome.TIE
    assert stripe.asked == [SUB]
    assert objects(database)["sub_1"]["state"] == state(at=7, **truth.event.data.object)
    assert outcomes(database) == {"evt_active": "applied", "evt_past_due": "tie"}


def test_answer_is_no_older_than_the_events_that_asked_for_it(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.as_of = -5
    stripe.holds(SUB, subscription(status="past_due"))
    processor.process([ACTIVE, PAST_DUE])
    assert subscribed(database).as_of == moment(1)


def test_event_of_the_second_in_which_stripe_answered_is_a_tie_again(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.as_of = 7
    stripe.holds(SUB, subscription(status="past_due"))
    processor.process([ACTIVE, PAST_DUE])
    stripe.holds(SUB, subscription(status="unpaid"))
    processor.process([fact(subscription(status="unpaid"), at=7)])
    assert len(stripe.asked) == 2
    assert subscribed(database).status == "unpaid"


def test_newer_event_committed_while_stripe_is_asked_is_not_overwritten(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    newer = fact(subscription(status="unpaid"), at=60)
    stripe.holds(SUB, subscription(status="past_due"))
    stripe.meanwhile[SUB] = lambda: Processor(database, ScriptedStripe()).process([newer])
    assert processor.process([ACTIVE, PAST_DUE]).outcomes["evt_past_due"] is Outcome.STALE
    assert stripe.asked == [SUB]
    assert objects(database)["sub_1"]["state"] == state(at=60, status="unpaid")
    assert outcomes(database) == {"evt_active": "applied", "evt_past_due": "stale", "evt_sub_1_60": "applied"}


@pytest.mark.parametrize(("truth", "questions"), [("past_due", 2), ("unpaid", 3)])
def test_tie_that_another_worker_settled_meanwhile_is_recorded_once(
    database: Database, processor: Processor, stripe: ScriptedStripe, truth: str, questions: int
) -> None:
    """If the other's answer is neither state, nobody knows which answer is newer: a third question tells."""
    stripe.holds(SUB, subscription(status=truth))
    stripe.meanwhile[SUB] = lambda: Processor(database, stripe).process([PAST_DUE])
    assert processor.process([ACTIVE, PAST_DUE]).later == {}
    assert stripe.asked == [SUB] * questions
    assert objects(database)["sub_1"]["state"] == state(at=1, status=truth)
    assert outcomes(database) == {"evt_active": "applied", "evt_past_due": "tie"}
    told = row(database, BillingEvent, stripe_event_id="evt_past_due")
    assert told.changes == {"status": ["active", truth]}


def test_object_canceled_while_stripe_is_asked_stays_canceled(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    ended = fact(subscription(status="canceled"), at=60, type="customer.subscription.deleted")
    stripe.holds(SUB, subscription(status="past_due"))
    stripe.meanwhile[SUB] = lambda: Processor(database, ScriptedStripe()).process([ended])
    processor.process([ACTIVE, PAST_DUE])
    assert objects(database)["sub_1"]["state"] == state(at=60, status="canceled")


def test_tie_that_loses_every_race_is_tried_again_later(
    database: Database, processor: Processor, stripe: ScriptedStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtake() -> None:
        with database.write() as session:
            session.execute(update(Subscription).values(revision=Subscription.revision + 1))
        stripe.meanwhile[SUB] = overtake

    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    stripe.holds(SUB, subscription(status="past_due"))
    stripe.meanwhile[SUB] = overtake
    processed = processor.process([ACTIVE, PAST_DUE])
    assert processed.outcomes == {"evt_active": Outcome.APPLIED}
    assert {event_id: type(error) for event_id, error in processed.later.items()} == {"evt_past_due": RaceLost}
    assert subscribed(database).status == "active"


@pytest.mark.parametrize("order", list(permutations([ACTIVE, PAST_DUE])), ids=["one way", "the other"])
def test_tie_about_an_object_that_stripe_lost_ends_the_same_in_any_order(
    database: Database, processor: Processor, order: tuple[Fact, ...]
) -> None:
    for one in order:
        processor.process([one])
    assert objects(database)["sub_1"]["state"] == state(at=1, status="past_due")


@pytest.mark.parametrize("order", list(permutations([ACTIVE, PAST_DUE])), ids=["one way", "the other"])
def test_without_a_key_a_tie_ends_the_same_in_any_order(
    database: Database, processor: Processor, stripe: ScriptedStripe, order: tuple[Fact, ...]
) -> None:
    stripe.has_key = False
    for one in order:
        processor.process([one])
    assert objects(database)["sub_1"]["state"] == state(at=1, status="past_due")
    assert outcomes(database) == {order[0].event.id: "applied", order[1].event.id: "tie"}
    assert stripe.asked == []


def test_while_stripe_is_silent_only_the_tie_waits(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.failing["*"] = down()
    others = [fact(subscription("sub_2"), at=1), fact(invoice(), at=1)]
    processed = processor.process([ACTIVE, PAST_DUE, *others])
    assert processed.later.keys() == {"evt_past_due"}
    assert outcomes(database) == dict.fromkeys(["evt_active", "evt_sub_2_1", "evt_in_1_1"], "applied")


def test_tied_event_is_settled_when_stripe_answers_again(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.failing["*"] = down()
    processor.process([ACTIVE, PAST_DUE])
    stripe.failing.clear()
    stripe.holds(SUB, subscription(status="past_due"))
    assert processor.process([PAST_DUE]).outcomes == {"evt_past_due": Outcome.TIE}
    assert subscribed(database).status == "past_due"


def test_tie_whose_answer_cannot_be_read_is_poison_and_leaves_the_rest_applied(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.holds(SUB, {"id": "sub_1", "object": "subscription"})
    with pytest.raises(MalformedEvent):
        processor.process([ACTIVE, PAST_DUE, fact(invoice())])
    assert outcomes(database) == {"evt_active": "applied", "evt_in_1_0": "applied"}


def test_payment_method_found_detached_takes_the_moment_from_its_event(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    """A tie is settled after the detachment and before its event: that must not be stale then."""
    stripe.as_of = 100
    stripe.holds("/v1/payment_methods/pm_1", payment_method(customer=None))
    exp = {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2031}
    processor.process([fact(payment_method(), at=1), fact(payment_method(card=exp), at=1, id="evt_updated")])
    found = row(database, PaymentMethod, stripe_payment_method_id="pm_1")
    assert (found.detached_at, found.stripe_customer_id) == (moment(1), "cus_1")
    processor.process([detached(at=50)])
    assert row(database, PaymentMethod, stripe_payment_method_id="pm_1").detached_at == moment(50)


# --- what the facts leave out


def test_unknown_customer_is_asked_about_once_for_a_batch(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {"user_id": "2"}})
    batch = [fact(invoice(f"in_{number}", customer="cus_9")) for number in range(5)]
    assert set(processor.process(batch).outcomes.values()) == {Outcome.APPLIED}
    assert stripe.asked == ["/v1/customers/cus_9"]
    assert {one["user_id"] for one in objects(database).values()} == {2}


@pytest.mark.parametrize("user", ["99", "jenny", ""])
def test_customer_of_no_user_of_ours_parks_its_events(
    database: Database, processor: Processor, stripe: ScriptedStripe, user: str
) -> None:
    stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {"user_id": user}})
    assert processor.process([fact(subscription(customer="cus_9"))]).outcomes == {"evt_sub_1_0": Outcome.PARKED}
    parked = row(database, BillingEvent, stripe_event_id="evt_sub_1_0")
    assert parked.reason.startswith("no user is linked to the customer")


def test_customer_deleted_at_stripe_makes_its_events_foreign(processor: Processor, stripe: ScriptedStripe) -> None:
    stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "deleted": True})
    assert processor.process([fact(subscription(customer="cus_9"))]).outcomes == {"evt_sub_1_0": Outcome.FOREIGN}


def test_while_stripe_is_silent_only_events_that_need_it_wait(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.failing["*"] = down()
    batch = [fact(subscription()), fact(subscription("sub_9", customer="cus_9")), fact(dispute()), fact(invoice())]
    processed = processor.process(batch)
    assert processed.later.keys() == {"evt_sub_9_0", "evt_du_1_0"}
    assert {type(error) for error in processed.later.values()} == {StripeUnavailable}
    assert outcomes(database) == {"evt_sub_1_0": "applied", "evt_in_1_0": "applied"}
    assert count(database, BillingCustomer) == 2


def test_when_all_wait_for_stripe_nothing_is_written(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.failing["*"] = down()
    assert processor.process([fact(dispute())]).outcomes == {}
    assert count(database, BillingEvent) == 0


def test_refusal_about_one_event_leaves_all_of_the_batch_unapplied(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    stripe.failing["/v1/customers/cus_9"] = StripeRefused("GET /v1/customers/cus_9: 400")
    with pytest.raises(StripeRefused):
        processor.process([fact(subscription()), fact(invoice(customer="cus_9"))])
    assert outcomes(database) == {}


def test_no_connection_is_held_while_stripe_is_asked(
    database: Database, processor: Processor, stripe: ScriptedStripe
) -> None:
    """`ScriptedStripe` itself looks, at each of these questions."""
    stripe.holds(SUB, subscription(status="past_due"))
    stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {"user_id": "2"}})
    stripe.holds("/v1/charges/ch_1", {"customer": "cus_9"})
    stripe.holds("/v1/invoice_payments", {"data": []})
    processor.process([ACTIVE, PAST_DUE, fact(dispute())])
    assert len(stripe.asked) == 4
    assert stripe.watched is database


# --- the database's moods


def test_database_that_is_away_is_said_to_be(away_url: str) -> None:
    away = open_database(away_url)
    with pytest.raises(DatabaseUnavailable):
        Processor(away, ScriptedStripe()).process([fact(subscription()), fact(dispute())])


def test_commit_that_failed_in_passing_is_tried_again(
    database: Database, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = numbers(1)

    def stumble(session: Session, facts: Sequence[Fact], app: str | None) -> Applied:
        applied = apply_facts(session, facts, app)
        if next(attempts) < 3:
            raise DatabaseUnavailable("deadlock")
        return applied

    monkeypatch.setattr("billing_core.process.apply_facts", stumble)
    assert processor.process([fact(subscription())]).outcomes == {"evt_sub_1_0": Outcome.APPLIED}
    assert (next(attempts), subscribed(database).revision) == (4, 1)


def test_row_inserted_by_another_worker_meanwhile_is_built_upon(
    database: Database, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both workers saw no row, and both insert: the second starts over and sees it."""
    looks = numbers(1)

    def look(session: Session, kind: Kind, stripe_ids: Collection[str]) -> dict[str, Held]:
        return {} if next(looks) == 1 else read_held(session, kind, stripe_ids)

    Processor(database, ScriptedStripe()).process([fact(subscription(status="incomplete"), at=1)])
    monkeypatch.setattr("billing_core.apply.read_held", look)
    assert processor.process([fact(subscription(), at=2)]).outcomes == {"evt_sub_1_2": Outcome.APPLIED}
    assert (next(looks), subscribed(database).status, subscribed(database).revision) == (3, "active", 2)


# --- many at once

STATUSES = ["incomplete", "active", "past_due", "unpaid"]
names = numbers(1)


def at_once(database: Database, shares: list[list[Fact]]) -> None:
    """Process each share in a thread of its own, starting together; each share one fact at a time."""
    together = Barrier(len(shares))

    def work(share: list[Fact]) -> None:
        processor = Processor(database, ScriptedStripe())
        together.wait(10)
        for one in share:
            assert not processor.process([one]).later

    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(work, shares))


def test_two_threads_on_one_object_lose_no_update(database: Database) -> None:
    for number in range(30):
        name = f"sub_{number}"
        at_once(
            database,
            [
                [fact(subscription(name, status="active"), at=1)],
                [fact(subscription(name, status="past_due"), at=2)],
            ],
        )
        assert objects(database)[name]["state"] == state(id=name, at=2, status="past_due")
    assert set(outcomes(database).values()) <= {"applied", "stale"}
    assert count(database, BillingEvent) == 60


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, THREADS - 1)), min_size=1, max_size=10))
@settings(on_one_database, max_examples=20)
def test_threads_in_any_order_end_in_the_newest_state(database: Database, drawn: list[tuple[int, int]]) -> None:
    """The same event may come to several threads, and several times to one."""
    name = f"sub_any_{next(names)}"
    shares: list[list[Fact]] = [[] for _ in range(THREADS)]
    for at, thread in drawn:
        shares[thread].append(fact(subscription(name, status=STATUSES[at % 4], quantity=at), at=at))
    at_once(database, shares)
    newest = max(at for at, _ in drawn)
    assert objects(database)[name]["state"] == state(id=name, at=newest, status=STATUSES[newest % 4], quantity=newest)
    mine = {event_id for event_id in outcomes(database) if f"_{name}_" in event_id}
    assert len(mine) == len({at for at, _ in drawn})


Step = tuple[str, int, str]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Events of three subscriptions within few seconds: ties, ends and repetitions among them."""
    one = st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from([*STATUSES, "canceled"]))
    return draw(st.lists(one, min_size=1, max_size=8))


@given(histories(), st.lists(st.integers(0, 8), max_size=3))
@settings(on_one_database, max_examples=25)
def test_batches_of_any_size_end_as_one_by_one(database: Database, history: list[Step], cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(history) + 1) for cut in cuts), len(history)]
    batches = [history[start:end] for start, end in pairwise(edges)]
    for way in (batches, [[one] for one in history], [history[::-1]]):
        name, stripe = f"sub_way_{next(names)}", ScriptedStripe(as_of=9)
        truth = {f"{name}{letter}": status for letter, _, status in sorted(history, key=rank)}
        for stripe_id, status in truth.items():
            stripe.holds(f"/v1/subscriptions/{stripe_id}", subscription(stripe_id, status=status))
        for batch in way:
            Processor(database, stripe).process([told(name, *one) for one in batch])
        rows = {stripe_id: found for stripe_id, found in objects(database).items() if stripe_id.startswith(name)}
        assert {stripe_id: found["state"].record.status for stripe_id, found in rows.items()} == truth


def rank(step: Step) -> tuple[bool, int]:
    """What comes last is true: the end, else the last second's last event."""
    _, at, status = step
    return status == "canceled", at


def told(name: str, letter: str, at: int, status: str) -> Fact:
    return fact(subscription(f"{name}{letter}", status=status), at=at, id=f"evt_{name}{letter}_{at}_{status}")


# --- what a batch costs


def statements_of(database: Database, facts: list[Fact]) -> int:
    """Process the facts as one batch and return how many statements the database was sent."""
    sent = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        assert len(Processor(database, ScriptedStripe()).process(facts).outcomes) == len(facts)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(sent)


def mixed(build: Callable[..., Json], prefix: str) -> list[Fact]:
    """Return 100 events of 50 objects: each is new, and then changes."""
    objects = [build(f"{prefix}_{number}") for number in range(50)]
    return [fact(obj, at=at) for at in (1, 2) for obj in objects]


@pytest.mark.parametrize(
    ("build", "prefix", "most"), [(subscription, "sub", 16), (invoice, "in", 16), (payment_method, "pm", 10)]
)
def test_batch_of_a_hundred_events_takes_few_statements(
    database: Database, build: Callable[..., Json], prefix: str, most: int
) -> None:
    assert statements_of(database, mixed(build, prefix)) <= most
    again = [fact(one.event.data.object, at=one.event.created - T0 + 5) for one in mixed(build, prefix)]
    assert statements_of(database, again) <= most


# --- a true history, by real HTTP


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(seed=11) as fake:
        for user in ("1", "2"):
            live(fake, user)
        yield fake


def live(fake: FakeStripe, user: str) -> None:
    """One customer's life with a subscription, a failed payment, a dispute and an end."""
    customer, method = customer_with_card(fake, metadata={"user_id": user})
    ended, _kept = subscribe(fake, customer), subscribe(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=32)
    fake.cards.accept(method["id"])
    fake.clock.advance(days=4)
    paid = next(one for one in fake.charges.values() if one["paid"] and one["customer"] == customer["id"])
    fake.control.open_dispute(charge=paid["id"])
    call(fake, "DELETE", f"/v1/subscriptions/{ended['id']}")
    second = call(fake, "POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer["id"])
    call(fake, "POST", f"/v1/payment_methods/{second['id']}/detach")


def truth_of(fake: FakeStripe) -> dict[str, Json]:
    """Return what our eight types tell of every object: its last event's, or what Stripe holds."""
    return {
        kind.stripe_id(kind.read(obj)): obj
        for kind, found in (
            (SUBSCRIPTION, fake.subscriptions),
            (INVOICE, fake.invoices),
            (PAYMENT_METHOD, fake.payment_methods),
            (DISPUTE, fake.disputes),
        )
        for obj in found.values()
    }


@given(st.data())
@settings(on_one_database, max_examples=6)
def test_history_in_any_order_ends_as_stripe_holds_it(
    database: Database, fake: FakeStripe, data: st.DataObject
) -> None:
    start_over(database)
    happened = fake.events_of(*EIGHT_TYPES)
    order = data.draw(st.permutations(happened))
    version = data.draw(st.sampled_from([None, "2020-08-27"]))
    size = data.draw(st.integers(1, len(order)))
    processor = Processor(database, StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0))
    facts = [fact_from(fake.body(one, api_version=version)) for one in order]
    for start in range(0, len(facts), size):
        assert not processor.process(facts[start : start + size]).later
    assert outcomes(database).keys() == {one["id"] for one in happened}
    assert_equal_to_truth(database, fake, {fact.object_id for fact in facts})
    assert all(links["user_id"] for links in event_links(database).values())


def assert_equal_to_truth(database: Database, fake: FakeStripe, told: set[str]) -> None:
    truth, rows = truth_of(fake), objects(database)
    assert rows.keys() == told
    for stripe_id, found in rows.items():
        held = found["state"].record
        true = KIND_OF[type(held)].read(truth[stripe_id])
        for name, said in values_of(true).items():
            assert getattr(held, name) == said or said is None, (stripe_id, name)
        assert found["user_id"] in {1, 2}


def test_fake_is_asked_for_nothing_that_stripe_would_refuse(fake: FakeStripe) -> None:
    api = StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0)
    with pytest.raises(StripeObjectMissing):
        api.fetch("/v1/charges/ch_none")
    assert {entry.status for entry in fake.request_log} <= {200, 404}
