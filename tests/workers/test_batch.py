"""A batch from claim to settlement, with a real Redis and real databases."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from structlog.testing import capture_logs

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.errors import DatabaseUnavailable, RaceLost
from billing_core.facts import Fact
from billing_core.inbox import AcceptedEvent, AcceptingInbox, Keys, WorkingInbox
from billing_core.metrics import COUNTED
from billing_core.models import BillingEvent
from billing_core.ordering import Outcome
from billing_core.process import Processed, Processor
from billing_core.redaction import REDACTED, compact
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.building import Json, event_body, invoice, moment, subscription
from tests.ingest.deliveries import counted
from tests.scripted_stripe import ScriptedStripe, down
from tests.stores import count, objects, open_database, outcomes, row
from workers.batch import work_off
from workers.runtime import Runtime

PREFIX = "{billing}:"
SECRET = "jenny@example.com"
# No database has a column for it: SQLite's driver and PostgreSQL itself refuse it.
POISON: Json = {"amount_due": 2**80, "number": SECRET}


@dataclass
class Door:
    """Both sides of the inbox, and a worker between it and a database."""

    redis_url: str
    redis: Redis
    here: Runtime
    stripe: ScriptedStripe

    def accept(self, bodies: dict[str, bytes], family: Family = Family.INVOICE) -> list[bool]:
        async def knock() -> list[bool]:
            async with AsyncRedis.from_url(self.redis_url) as redis:
                inbox = AcceptingInbox(redis, PREFIX, MessageTemplate(create_celery(self.here.settings)))
                return await inbox.accept([AcceptedEvent(event_id, family, body) for event_id, body in bodies.items()])

        return asyncio.run(knock())

    def work_off(self, *event_ids: str, family: Family = Family.INVOICE) -> list[str]:
        return work_off(self.here, family, event_ids).later

    def handle(self, bodies: dict[str, bytes], family: Family = Family.INVOICE) -> list[str]:
        """Accept the events and work them off; return those to try again later."""
        assert all(self.accept(bodies, family))
        return self.work_off(*bodies, family=family)

    def waiting(self, family: Family = Family.INVOICE) -> set[str]:
        """Return the events still in the inbox."""
        found: list[bytes] = self.redis.zrange(Keys(PREFIX).inbox(family), 0, -1)  # type: ignore[assignment]  # synchronous
        return {event_id.decode() for event_id in found}

    def value(self, event_id: str) -> Any:
        """Return what the event's key holds: the payload, a tombstone, or None."""
        return self.redis.get(Keys(PREFIX).event(event_id))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def door(redis: Redis, redis_url: str, database: Database) -> Door:
    return door_to(database, redis, redis_url)


def door_to(database: Database, redis: Redis, redis_url: str) -> Door:
    settings = Settings(env="test", redis_url=redis_url, queue_prefix=PREFIX, max_deliveries=3)
    stripe = ScriptedStripe()
    inbox = WorkingInbox(redis, PREFIX, MessageTemplate(create_celery(settings)), settings.dedupe_window)
    return Door(redis_url, redis, Runtime(settings, inbox, database, Processor(database, stripe)), stripe)


def invoices(*numbers: int, **fields: Any) -> dict[str, bytes]:
    """Return bodies of events by their ID, each about an invoice of its own."""
    return {f"evt_{number}": event_body(invoice(f"in_{number}", **fields), id=f"evt_{number}") for number in numbers}


def dead(database: Database, event_id: str) -> Any:
    return row(database, BillingEvent, stripe_event_id=event_id, outcome="dead")


def test_batch_is_applied_settled_and_logged_without_payloads(door: Door, database: Database) -> None:
    with capture_logs() as logs:
        assert door.handle(invoices(1, 2, 3, number=SECRET)) == []
    assert outcomes(database) == dict.fromkeys(["evt_1", "evt_2", "evt_3"], "applied")
    assert objects(database).keys() == {"in_1", "in_2", "in_3"}
    assert door.waiting() == set()
    assert {door.value(event_id) for event_id in ("evt_1", "evt_2", "evt_3")} == {b""}
    (line,) = logs
    assert (line["event"], line["outcome"], line["count"]) == ("events.settled", "applied", 3)
    assert (line["event_ids"], line["object_ids"]) == (["evt_1", "evt_2", "evt_3"], ["in_1", "in_2", "in_3"])
    assert 0 <= line["lag_s"] < 60
    assert SECRET not in str(logs)


def test_event_that_breaks_its_reader_is_dead_and_its_neighbours_are_applied(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(obj: Json) -> None:
        if obj["id"] == "in_2":
            raise ZeroDivisionError

    monkeypatch.setattr("workers.batch.app_of", read)
    assert door.handle(invoices(1, 2, 3)) == []
    assert outcomes(database) == {"evt_1": "applied", "evt_2": "dead", "evt_3": "applied"}
    assert "ZeroDivisionError" in dead(database, "evt_2").error


def test_payload_is_stored_compact_and_without_what_is_personal(door: Door, database: Database) -> None:
    body = event_body(invoice(number="Škoda 🚗", customer_email=SECRET), id="evt_1").replace(b", ", b" ,\n ")
    door.handle({"evt_1": body})
    stored = row(database, BillingEvent, stripe_event_id="evt_1").event_data
    assert stored == compact(json.loads(body)).replace(SECRET, REDACTED)
    assert "Škoda 🚗" in stored
    assert " " not in stored.replace("Škoda 🚗", "")


def test_redelivered_batch_has_no_second_effect(door: Door, database: Database) -> None:
    door.handle(invoices(1, 2))
    before = objects(database)
    assert door.work_off("evt_1", "evt_2") == []
    assert objects(database) == before
    assert count(database, BillingEvent) == 2


def test_worker_that_died_after_its_commit_leaves_only_the_settling_to_the_next(door: Door, database: Database) -> None:
    door.accept(invoices(1))
    with pytest.raises(InterruptedError):
        work_off(unsettling(door), Family.INVOICE, ["evt_1"])
    assert door.waiting() == {"evt_1"}
    with capture_logs() as logs:
        assert door.work_off("evt_1") == []
    assert (door.waiting(), door.value("evt_1"), logs) == (set(), b"", [])
    assert row(database, BillingEvent, stripe_event_id="evt_1").attempts == 1


class Unsettling:
    """An inbox whose worker dies before it can settle."""

    def __init__(self, inbox: WorkingInbox) -> None:
        self.claim, self.release = inbox.claim, inbox.release

    def settle(self, _family: Family, _event_ids: Sequence[str]) -> None:
        raise InterruptedError


def unsettling(door: Door) -> Runtime:
    inbox: Any = Unsettling(door.here.inbox)
    return replace(door.here, inbox=inbox)


def test_poison_in_a_batch_of_a_hundred_is_the_only_dead_letter(door: Door, database: Database) -> None:
    bodies = invoices(*range(99)) | {"evt_poison": event_body(invoice("in_poison", **POISON), id="evt_poison")}
    with capture_logs() as logs:
        assert door.handle(bodies) == []
    assert outcomes(database) == dict.fromkeys(invoices(*range(99)), "applied") | {"evt_poison": "dead"}
    letter = dead(database, "evt_poison")
    assert (letter.event_type, letter.object_id, letter.attempts) == ("invoice.payment_succeeded", "in_poison", 1)
    assert json.loads(letter.event_data) == json.loads(bodies["evt_poison"])
    assert "Traceback (most recent call last)" in letter.error
    assert [one for one in logs if one["event"] == "event.dead_lettered"] == [
        {
            "event": "event.dead_lettered",
            "log_level": "error",
            "event_id": "evt_poison",
            "reason": letter.reason.split(":")[0],
        }
    ]
    assert SECRET not in letter.reason + str(logs)
    assert str(2**80) not in letter.reason + str(logs)


def test_dead_letters_dedupe_key_is_released_so_that_it_can_be_sent_again(door: Door, database: Database) -> None:
    poison = {"evt_1": event_body(invoice(**POISON), id="evt_1")}
    door.handle(poison)
    assert (door.value("evt_1"), door.waiting()) == (None, set())
    assert door.handle(invoices(1)) == []
    assert outcomes(database) == {"evt_1": "applied"}
    mended = row(database, BillingEvent, stripe_event_id="evt_1")
    assert (mended.reason, mended.error, door.value("evt_1")) == (None, None, b"")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "MalformedEvent: evt_1 is no Stripe event: Input data was truncated"),
        (b'{"\xff', "MalformedEvent: evt_1 is no Stripe event: 'utf-8' codec can't decode byte 0xff"),
        (b"\x00", "MalformedEvent: evt_1 is no Stripe event: JSON is malformed"),
        (event_body(invoice(), id="evt_1", created=10**15), "MalformedEvent: evt_1 is no Stripe event: Expected `int`"),
        (event_body(invoice(customer=None), id="evt_1"), "MalformedEvent: invoice in_1 has no customer"),
        (event_body(invoice(currency=7), id="evt_1"), "MalformedEvent: evt_1: invoice.payment_succeeded has an object"),
        (event_body(invoice(), id="evt_1", type="invoice.sent"), "MalformedEvent: evt_1: no handler for invoice.sent"),
        (event_body(invoice() | {"id": {"a": 1}}, id="evt_1"), ""),
        (event_body(invoice(number="\x00"), id="evt_1", api_version="x" * 99), ""),
        (event_body(invoice(number="\x00"), id="evt_1", request="\x00"), ""),
    ],
    ids=["cut", "latin", "nul", "year", "customer", "shape", "type", "id", "version", "request"],
)
def test_whatever_the_inbox_holds_ends_and_lets_its_neighbours_pass(
    door: Door, database: Database, body: bytes, reason: str
) -> None:
    """SQLite takes some of the last that PostgreSQL refuses."""
    assert door.handle({"evt_1": body} | invoices(2)) == []
    assert outcomes(database).keys() == {"evt_1", "evt_2"}
    assert outcomes(database)["evt_2"] == "applied"
    assert door.waiting() == set()
    if reason or outcomes(database)["evt_1"] == "dead":
        assert dead(database, "evt_1").reason.startswith(reason)


def test_unreadable_event_keeps_what_can_be_told(door: Door, database: Database) -> None:
    door.handle({"evt_1": b'{"name": "\xff\x00"'})
    letter = dead(database, "evt_1")
    assert (letter.event_type, letter.livemode, letter.object_id) == ("unreadable", False, None)
    assert json.loads(letter.event_data)["unreadable"]["bytes"] == len(b'{"name": "\xff\x00"')
    assert letter.stripe_created_at == letter.received_at


def test_event_that_no_column_takes_is_dead_with_its_payload_alone(door: Door, database: Database) -> None:
    """PostgreSQL holds to its columns' lengths; SQLite does not, and the poison is what no driver can send."""
    body = event_body(invoice(**POISON), id="evt_1", api_version="x" * 99)
    door.handle({"evt_1": body})
    letter = dead(database, "evt_1")
    assert json.loads(letter.event_data) == json.loads(body)
    assert letter.event_type == {"sqlite": "invoice.payment_succeeded"}.get(database.engine.name, "unreadable")


def test_event_whose_worker_died_each_time_is_set_aside(door: Door, database: Database) -> None:
    door.accept(invoices(1, 2))
    for _ in range(3):
        door.here.inbox.claim(["evt_1"])
    assert door.work_off("evt_1", "evt_2") == []
    letter = dead(database, "evt_1")
    assert letter.reason == "WorkerKilled: evt_1: its worker died 3 times while applying it"
    assert (letter.attempts, letter.event_type) == (4, "invoice.payment_succeeded")
    assert outcomes(database)["evt_2"] == "applied"


def test_event_at_its_last_allowed_delivery_is_applied(door: Door, database: Database) -> None:
    door.accept(invoices(1))
    for _ in range(2):
        door.here.inbox.claim(["evt_1"])
    assert door.work_off("evt_1") == []
    assert row(database, BillingEvent, stripe_event_id="evt_1").attempts == 3


def test_while_stripe_is_silent_only_the_events_that_need_it_wait(door: Door, database: Database) -> None:
    door.stripe.failing["*"] = down()
    needing = {"evt_9": event_body(invoice("in_9", customer="cus_9"), id="evt_9")}
    with capture_logs() as logs:
        assert door.handle(invoices(1) | needing) == ["evt_9"]
    assert outcomes(database) == {"evt_1": "applied"}
    assert door.waiting() == {"evt_9"}
    assert door.value("evt_9").endswith(needing["evt_9"])
    assert [one["event_id"] for one in logs if one["event"] == "event.postponed"] == ["evt_9"]


def test_postponed_event_is_applied_when_stripe_is_back(door: Door, database: Database) -> None:
    door.stripe.failing["*"] = down()
    assert door.handle({"evt_9": event_body(invoice("in_9", customer="cus_9"), id="evt_9")}) == ["evt_9"]
    door.stripe.failing.clear()
    door.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {"user_id": "2"}})
    assert door.work_off("evt_9") == []
    assert objects(database)["in_9"]["user_id"] == 2


def test_parked_event_is_over_for_the_queue(door: Door, database: Database) -> None:
    door.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    assert door.handle({"evt_9": event_body(invoice("in_9", customer="cus_9"), id="evt_9")}) == []
    assert (outcomes(database), door.waiting()) == ({"evt_9": "parked"}, set())


@pytest.fixture
def without_database(redis: Redis, redis_url: str, away_url: str) -> Door:
    return door_to(open_database(away_url), redis, redis_url)


def test_while_the_database_is_away_everything_waits_and_nothing_dies(without_database: Door) -> None:
    bodies = invoices(*range(5)) | {"evt_unreadable": b"{"}
    with capture_logs() as logs:
        later = without_database.handle(bodies)
    assert sorted(later) == sorted(bodies)
    assert without_database.waiting() == set(bodies)
    assert [one["event"] for one in logs] == ["events.postponed"]


class Stumbling:
    """A processor that fails with the given errors, one call after the other, and then works."""

    def __init__(self, processor: Processor, *errors: Exception) -> None:
        self.processor, self.errors = processor, list(errors)

    def process(self, facts: Sequence[Fact]) -> Processed:
        if self.errors:
            raise self.errors.pop(0)
        return self.processor.process(facts)


def stumbling(door: Door, *errors: Exception) -> Runtime:
    processor: Any = Stumbling(door.here.processor, *errors)
    return replace(door.here, processor=processor)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RaceLost("changed")], ids=repr)
def test_infrastructure_trouble_postpones_the_whole_batch(door: Door, database: Database, error: Exception) -> None:
    door.accept(invoices(1, 2))
    assert work_off(stumbling(door, error), Family.INVOICE, ["evt_1", "evt_2"]).later == ["evt_1", "evt_2"]
    assert outcomes(database) == {}


def test_database_that_goes_away_between_single_events_postpones_the_rest(door: Door, database: Database) -> None:
    door.accept(invoices(1, 2))
    here = stumbling(door, ValueError("poison somewhere"), DatabaseUnavailable("away"))
    assert work_off(here, Family.INVOICE, ["evt_1", "evt_2"]).later == ["evt_1"]
    assert outcomes(database) == {"evt_2": "applied"}
    assert door.waiting() == {"evt_1"}


def test_poison_waits_too_when_its_dead_letter_cannot_be_written(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("billing_core.audit.record_dead", away)
    assert door.handle({"evt_1": event_body(invoice(**POISON), id="evt_1")}) == ["evt_1"]
    assert (outcomes(database), door.waiting()) == ({}, {"evt_1"})


def test_applied_event_is_not_declared_dead_by_a_worker_that_dies_while_settling(
    door: Door, database: Database
) -> None:
    door.accept(invoices(1))
    for _ in range(4):
        with pytest.raises(InterruptedError):
            work_off(unsettling(door), Family.INVOICE, ["evt_1"])
    assert outcomes(database) == {"evt_1": "applied"}


def test_batch_of_another_family_uses_its_own_inbox(door: Door, database: Database) -> None:
    body = event_body(subscription(), at=3, id="evt_1")
    assert door.handle({"evt_1": body}, Family.SUBSCRIPTION) == []
    assert door.waiting(Family.SUBSCRIPTION) == set()
    assert objects(database)["sub_1"]["state"].as_of == moment(3)


def test_message_without_events_does_nothing(door: Door) -> None:
    assert door.work_off() == []


def test_what_came_of_a_batch_is_counted_and_told(door: Door) -> None:
    before = {outcome: counted("billing_events_settled", family=Family.INVOICE, outcome=outcome) for outcome in Outcome}
    retried = counted("billing_events_retried", family=Family.INVOICE)
    applied_after, on_the_way = observed("billing_apply_seconds"), observed("billing_delivery_seconds")
    door.accept(invoices(1, 2) | invoices(3, **POISON))
    done = work_off(door.here, Family.INVOICE, ["evt_1", "evt_2", "evt_3"])
    assert re.fullmatch(r"applied=2 dead=1 lag=\d+\.\d{3}s", str(done))
    after = {outcome: counted("billing_events_settled", family=Family.INVOICE, outcome=outcome) for outcome in Outcome}
    assert {name: after[name] - before[name] for name in after} == dict.fromkeys(Outcome, 0) | {"applied": 2, "dead": 1}
    assert observed("billing_apply_seconds") == applied_after + 2
    assert observed("billing_delivery_seconds") == on_the_way + 2
    assert counted("billing_events_retried", family=Family.INVOICE) == retried


def test_events_that_were_over_already_are_not_counted_again(door: Door) -> None:
    door.handle(invoices(1))
    before = counted("billing_events_settled", family=Family.INVOICE, outcome="applied")
    done = work_off(door.here, Family.INVOICE, ["evt_1"])
    assert str(done) == "nothing left to do"
    assert counted("billing_events_settled", family=Family.INVOICE, outcome="applied") == before


def test_events_given_back_are_counted_as_retried(door: Door) -> None:
    door.accept(invoices(1, 2))
    before = counted("billing_events_retried", family=Family.INVOICE)
    done = work_off(stumbling(door, DatabaseUnavailable("away")), Family.INVOICE, ["evt_1", "evt_2"])
    assert done.later == ["evt_1", "evt_2"]
    assert counted("billing_events_retried", family=Family.INVOICE) == before + 2


def observed(name: str) -> float:
    """Return how many invoice events a histogram has."""
    return COUNTED.get_sample_value(f"{name}_count", {"family": Family.INVOICE}) or 0.0
