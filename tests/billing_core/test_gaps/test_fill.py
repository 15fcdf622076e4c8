"""Gap fill over fake Stripe by HTTP, a real Redis and real databases."""

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from billing_core.errors import StripeUnavailable
from billing_core.event_types import FAMILY_OF
from billing_core.gaps import Lacking, close_hole, last_run
from billing_core.gaps.progress import Hole, come_forward, open_hole
from billing_core.inbox import AcceptedEvent
from billing_core.models import BillingEvent
from billing_core.ordering import SETTLED
from billing_core.redaction import REDACTED
from config.queues import Family
from tests.billing_core.test_gaps.service import START, Service, found, handled, ids, some_history, subscribe
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.stores import outcomes, row


def listings(fake: FakeStripe) -> list[dict[str, object]]:
    """Return the parameters of each question for a page of events."""
    return [one.params for one in fake.request_log if one.path == "/v1/events" and "types" in one.params]


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def test_what_was_never_delivered_is_found_and_applied(service: Service) -> None:
    some_history(service.fake)
    findings = service.gap_fill().catch_up()
    history = handled(service.fake)
    assert found(findings) == ids(history)
    assert findings.by_type() == Counter(event["type"] for event in history)
    service.work()
    assert outcomes(service.database).keys() == ids(history)
    assert set(outcomes(service.database).values()) <= SETTLED
    assert service.catch_up() == set()


def test_what_is_applied_or_waits_is_no_gap(service: Service) -> None:
    some_history(service.fake)
    history = handled(service.fake)
    service.deliver(history[:10])
    service.accept(history[10:])
    assert service.catch_up() == set()
    service.work()
    assert outcomes(service.database).keys() == ids(history)


def test_dead_letter_is_no_gap(service: Service) -> None:
    """It is on record, with its payload, and waits for somebody."""
    some_history(service.fake)
    history = handled(service.fake)
    service.deliver(history[1:])
    family = FAMILY_OF[history[0]["type"]]
    service.inbox.accept_again([AcceptedEvent(history[0]["id"], family, b"{")])
    service.work()
    assert outcomes(service.database)[history[0]["id"]] == "dead"
    assert service.catch_up() == set()


def test_row_lost_with_a_restored_backup_is_found_behind_its_tombstone(service: Service) -> None:
    some_history(service.fake)
    history = handled(service.fake)
    service.deliver(history)
    lost = ids(history[-7:])
    service.forget(lost)
    assert service.redis.get(service.keys.event(history[-1]["id"])) == b""
    assert service.catch_up() == lost
    service.work()
    assert outcomes(service.database).keys() == ids(history)


def test_flushed_redis_is_found_by_what_is_not_on_record(service: Service) -> None:
    some_history(service.fake)
    history = handled(service.fake)
    service.deliver(history[:10])
    service.accept(history[10:])
    service.redis.flushall()
    assert service.catch_up() == ids(history[10:])


def test_event_that_came_thin_is_no_gap(service: Service) -> None:
    subscribe(service.fake)
    service.fake.clock.advance(minutes=1)
    service.deliver(handled(service.fake), is_thin=True)
    assert set(outcomes(service.database).values()) <= SETTLED
    assert service.catch_up() == set()


def test_thin_event_of_another_is_no_excuse(service: Service) -> None:
    subscribe(service.fake)
    service.fake.clock.advance(minutes=1)
    history = handled(service.fake)
    service.deliver(history[1:], is_thin=True)
    service.inbox.accept_again([AcceptedEvent("evt_unreadable", Family.INVOICE, b"{")])
    service.work()
    assert service.catch_up() == {history[0]["id"]}


def test_event_of_the_other_mode_is_ignored_as_at_the_door(service: Service) -> None:
    some_history(service.fake)
    assert found(service.gap_fill(livemode=True).catch_up()) == set()


def test_payload_is_the_event_as_stripe_lists_it_but_for_what_is_personal(service: Service) -> None:
    call(service.fake, "POST", "/v1/customers", name="Škoda 🚗", metadata={"user_id": "1"})
    service.catch_up()
    service.work()
    [event] = service.fake.events
    stored = json.loads(row(service.database, BillingEvent, stripe_event_id=event["id"]).event_data)
    assert stored["data"]["object"].pop("name") == REDACTED
    assert event["data"]["object"].pop("name")
    assert stored == event


def test_stripe_is_asked_as_its_specification_says(service: Service) -> None:
    some_history(service.fake)
    service.catch_up()
    asked = [params["types"] for params in listings(service.fake)]
    assert all(isinstance(types, list) and len(types) <= 20 for types in asked)
    assert {name for types in asked if isinstance(types, list) for name in types} == set(FAMILY_OF)
    assert [one for one in service.fake.spec_violations if "/v1/events" in one] == []


def test_thousand_dropped_deliveries_are_found_by_the_next_run(service: Service) -> None:
    for number in range(1000):
        call(service.fake, "POST", "/v1/customers", metadata={"user_id": str(1 + number % 2)})
        service.fake.clock.advance(seconds=1)
    service.deliver(handled(service.fake)[::100])
    assert len(service.catch_up()) == 990
    service.work()
    assert outcomes(service.database) == dict.fromkeys(ids(handled(service.fake)), "applied")


def test_first_run_looks_back_one_overlap_without_alarm(service: Service) -> None:
    """What was before us is no gap; a backfill brings it."""
    subscribe(service.fake)
    before = ids(handled(service.fake))
    service.fake.clock.advance(hours=2)
    subscribe(service.fake)
    findings = service.gap_fill().catch_up()
    assert found(findings) == ids(handled(service.fake)) - before
    assert findings.hole is None
    assert findings.end - findings.begin == timedelta(hours=1)


def test_window_begins_an_overlap_before_the_checkpoint_by_stripes_clock(service: Service) -> None:
    service.catch_up()
    service.fake.clock.advance(minutes=5)
    service.catch_up()
    run = last_run(service.database)
    assert run is not None
    assert abs((run.through - moment(START + 300)).total_seconds()) <= 5
    assert abs((run.begin - moment(START - 3600)).total_seconds()) <= 5
    assert abs((run.at - datetime.now(UTC)).total_seconds()) < 60


def test_event_that_stripe_lists_late_is_found_within_the_overlap(service: Service) -> None:
    subscribe(service.fake)
    late = handled(service.fake)[-1]["id"]
    event = service.fake.sandbox.events.pop(late)
    service.catch_up()
    service.fake.clock.advance(minutes=50)
    service.fake.sandbox.events[late] = event
    assert service.catch_up() == {late}


def test_outage_of_ten_days_goes_back_to_the_checkpoint(service: Service) -> None:
    service.catch_up()
    for _ in range(10 * 24 // 5):
        call(service.fake, "POST", "/v1/customers")
        service.fake.clock.advance(hours=5)
    findings = service.gap_fill().catch_up()
    assert found(findings) == ids(handled(service.fake))
    assert (findings.hole, run_behind(service)) == (None, False)


def test_outage_longer_than_stripe_keeps_events_is_said_until_a_backfill(service: Service) -> None:
    service.catch_up()
    subscribe(service.fake)
    lost = ids(handled(service.fake))
    service.fake.clock.advance(days=40)
    kept = {event["id"] for event in handled(service.fake) if event["created"] >= START + 10 * 86400}
    findings = service.gap_fill().catch_up()
    assert found(findings) == kept
    assert not kept & lost
    hole = findings.hole
    assert hole is not None
    assert abs((hole.begin - moment(START)).total_seconds()) <= 5
    assert abs((hole.end - moment(START + 10 * 86400)).total_seconds()) <= 5
    assert service.gap_fill().catch_up().hole is None
    assert run_behind(service) is True
    close_hole(service.database)
    assert run_behind(service) is False


def test_second_hole_joins_the_first(service: Service) -> None:
    service.catch_up()
    for begin in (0, 100):
        open_hole(service.database, Hole(moment(START + begin), moment(START + begin + 10)))
    run = last_run(service.database)
    assert run is not None
    assert run.hole == Hole(moment(START), moment(START + 110))


def run_behind(service: Service) -> bool:
    run = last_run(service.database)
    assert run is not None
    return run.behind


def test_failure_in_the_middle_keeps_what_was_accepted_and_moves_no_checkpoint(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_core.gaps.listing._PAGE", 3)
    service.catch_up()
    before = last_run(service.database)
    some_history(service.fake)
    pages = list[int]()

    def fail_after_two(lacked: Sequence[Lacking]) -> None:
        pages.append(len(lacked))
        if len(pages) == 2:
            service.fake.faults.down = True

    with pytest.raises(StripeUnavailable):
        service.gap_fill().catch_up(fail_after_two)
    assert pages == [3, 3]
    assert last_run(service.database) == before
    service.fake.faults.down = False
    assert len(service.catch_up()) == len(handled(service.fake)) - 6
    service.work()
    assert outcomes(service.database).keys() == ids(handled(service.fake))


def test_failure_after_a_long_outage_does_not_start_from_the_beginning(service: Service) -> None:
    service.catch_up()
    subscribe(service.fake)
    first = len(handled(service.fake))
    service.fake.clock.advance(days=2)
    subscribe(service.fake)
    seen = list[Lacking]()

    def fail_at_the_end(lacked: Sequence[Lacking]) -> None:
        seen.extend(lacked)
        if len(seen) > first:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        service.gap_fill().catch_up(fail_at_the_end)
    run = last_run(service.database)
    assert run is not None
    assert run.through > moment(START + 1.5 * 86400)
    assert sum(run.found.values()) == first


def test_two_at_a_time_accept_each_event_once(service: Service) -> None:
    some_history(service.fake)
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(service.catch_up) for _ in range(2)]
    first, second = (run.result() for run in runs)
    assert (first | second, first & second) == (ids(handled(service.fake)), set())
    service.work()
    assert outcomes(service.database).keys() == ids(handled(service.fake))


def test_young_event_is_accepted_but_nobody_alarmed(service: Service) -> None:
    """Its delivery may be on its way."""
    call(service.fake, "POST", "/v1/customers")
    service.fake.clock.advance(seconds=60)
    call(service.fake, "POST", "/v1/customers")
    findings = service.gap_fill().catch_up()
    assert [one.overdue for one in findings.lacking] == [False, True]
    assert (findings.by_type(), findings.by_type(overdue_only=True)) == (
        {"customer.created": 2},
        {"customer.created": 1},
    )
    run = last_run(service.database)
    assert run is not None
    assert run.found == {"customer.created": 1}


def test_looking_only_changes_nothing(service: Service) -> None:
    some_history(service.fake)
    assert found(service.gap_fill().look(accept=False)) == ids(handled(service.fake))
    assert service.redis.keys() == []
    assert last_run(service.database) is None


def test_window_by_hand_leaves_the_checkpoint(service: Service) -> None:
    service.catch_up()
    before = last_run(service.database)
    some_history(service.fake)
    service.fake.clock.advance(days=3)
    findings = service.gap_fill().look(timedelta(days=5), accept=True)
    assert found(findings) == ids(handled(service.fake))
    assert last_run(service.database) == before


def test_checkpoint_of_another_clock_leaves_no_window_in_the_future(service: Service) -> None:
    """A database that saw a fake Stripe's later days meets one that begins anew."""
    come_forward(service.database, moment(START), moment(START + 5 * 86400), {})
    some_history(service.fake)
    assert service.catch_up() == ids(handled(service.fake))
