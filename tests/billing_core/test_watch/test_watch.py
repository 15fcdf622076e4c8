"""Each failure that nobody owns is seen, named, and said what to do about; and nothing else is."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core import checkpoints
from billing_core.finding import Finding, Level
from billing_core.heartbeats import Role
from billing_core.inbox import AcceptedEvent
from billing_core.models import BillingCommand, BillingEvent
from billing_core.models.declarative import utc_now
from billing_core.ordering import Outcome
from billing_core.watch.endpoint import put_down
from config.queues import COMMANDS_QUEUE, QUEUES, Family
from tests.billing_core.test_watch.watched import Watched
from tests.building import moment
from tests.stores import open_database


def test_nothing_is_wrong_with_what_is_well(watched: Watched) -> None:
    watched.live()
    findings = watched.findings()
    assert [one.check for one in findings] == ["workers", "queues", "beat", "inbox", "dead letters", "commands"]
    assert {one.level for one in findings} == {Level.OK}


def test_silent_worker_is_named(watched: Watched) -> None:
    watched.live()
    watched.beat(Role.WORKER, 7, seconds_ago=16)
    ((check, level, found),) = watched.wrong()
    assert (check, level) == ("workers", Level.FAIL)
    assert found.startswith("worker host:7 is silent for 1")


def test_queue_that_only_a_silent_worker_consumes_has_no_consumer(watched: Watched) -> None:
    watched.beat(Role.BEAT, 2)
    watched.beat(Role.WORKER, 1, *(queue for queue in QUEUES if queue != COMMANDS_QUEUE))
    watched.beat(Role.WORKER, 7, COMMANDS_QUEUE, seconds_ago=60)
    assert ("queues", Level.FAIL, "no worker consumes billing.commands") in watched.wrong()


def test_beat_that_is_missing_silent_or_one_too_many_is_told(watched: Watched) -> None:
    watched.beat(Role.WORKER, 1, *QUEUES)
    assert [found[:2] for found in watched.wrong()] == [("beat", Level.FAIL)]
    watched.beat(Role.BEAT, 2, seconds_ago=60)
    assert [found[:2] for found in watched.wrong()] == [("beat", Level.FAIL)] * 2
    watched.beat(Role.BEAT, 2)
    watched.beat(Role.BEAT, 3)
    assert watched.wrong() == [("beat", Level.WARN, "beat host:2, beat host:3: each run happens 2 times")]


def accepted(watched: Watched, *event_ids: str, seconds_ago: float) -> None:
    watched.inbox.accept_again([AcceptedEvent(event_id, Family.INVOICE, b"{}") for event_id in event_ids])
    at = int((watched.redis.time()[0] - seconds_ago) * 1000)
    for event_id in event_ids:
        watched.redis.set(watched.keys.event(event_id), f"{at}\n{{}}")
        watched.redis.zadd(watched.keys.inbox(Family.INVOICE), {event_id: at})


def assert_oldest_waits_90_seconds(watched: Watched, events: int) -> None:
    """Nothing else is told. On a slow machine some seconds pass until somebody looks."""
    ((check, level, found),) = watched.wrong()
    assert (check, level) == ("inbox", Level.FAIL)
    assert re.fullmatch(rf"stripe\.invoice: {events} events wait, the oldest for 9\d s", found), found


def test_event_that_waits_too_long_is_told_with_its_family(watched: Watched) -> None:
    watched.live()
    accepted(watched, "evt_1", "evt_2", seconds_ago=50)
    assert watched.wrong() == []
    accepted(watched, "evt_3", seconds_ago=90)
    assert_oldest_waits_90_seconds(watched, events=3)


def test_event_that_is_tried_again_and_again_does_not_grow_younger(watched: Watched) -> None:
    watched.live()
    accepted(watched, "evt_1", seconds_ago=90)
    watched.inbox.postpone(Family.INVOICE, ["evt_1"])
    assert_oldest_waits_90_seconds(watched, events=1)


def test_age_of_an_event_is_limited_by_the_setting(watched: Watched) -> None:
    patient = Watched(watched.redis, watched.database, inbox_age_limit=120)
    patient.live()
    accepted(patient, "evt_1", seconds_ago=90)
    assert patient.wrong() == []


def on_record(watched: Watched, outcome: Outcome) -> None:
    fields: dict[str, Any] = {"event_type": "invoice.paid", "livemode": False, "outcome": outcome}
    moments = {"stripe_created_at": moment(), "received_at": moment()}
    with watched.database.write() as session:
        session.add(BillingEvent(stripe_event_id=f"evt_{outcome}", **fields, **moments))


def test_what_is_no_message_is_told_with_its_place(watched: Watched) -> None:
    watched.live()
    watched.redis.lpush("{billing}:unreadable", "junk", "more")
    ((check, level, found),) = watched.wrong()
    assert (check, level) == ("messages", Level.FAIL)
    assert found.startswith("2 entries in Redis' list {billing}:unreadable")


def test_dead_letters_are_told_however_old(watched: Watched) -> None:
    watched.live()
    on_record(watched, Outcome.PARKED)
    assert watched.wrong() == []
    on_record(watched, Outcome.DEAD)
    assert watched.wrong() == [("dead letters", Level.FAIL, "1 events")]


def commanded(watched: Watched, command_id: str, status: str, *, minutes_ago: float) -> None:
    command = BillingCommand(
        command_id=command_id,
        name="create_subscription",
        subject="service",
        idempotency_key=command_id,
        arguments={},
        status=status,
    )
    with watched.database.write() as session:
        session.add(command)
        session.flush()
        made = sa.update(BillingCommand).where(BillingCommand.command_id == command_id)
        session.execute(made.values(created_at=utc_now() - timedelta(minutes=minutes_ago)))


def test_commands_that_are_not_finished_in_time_are_named(watched: Watched) -> None:
    watched.live()
    commanded(watched, "cmd_new", "pending", minutes_ago=1)
    commanded(watched, "cmd_done", "succeeded", minutes_ago=60)
    assert watched.wrong() == []
    commanded(watched, "cmd_waits", "pending", minutes_ago=20)
    commanded(watched, "cmd_runs", "running", minutes_ago=30)
    assert watched.wrong() == [("commands", Level.FAIL, "2 are not finished in time: cmd_runs, cmd_waits")]


def test_many_stuck_commands_are_counted_and_some_named(watched: Watched) -> None:
    watched.live()
    for number in range(7):
        commanded(watched, f"cmd_{number}", "pending", minutes_ago=20 - number)
    ((_, _, found),) = watched.wrong()
    assert found == "7 are not finished in time: cmd_0, cmd_1, cmd_2, cmd_3, cmd_4, …"


def test_database_that_is_away_is_told_and_the_rest_is_seen_all_the_same(watched: Watched, away_url: str) -> None:
    away = open_database(away_url)
    blind = Watched(watched.redis, away)
    try:
        blind.live()
        assert blind.wrong() == [("database", Level.FAIL, "away: events wait in Redis")]
    finally:
        away.dispose()


def test_gaps_that_were_found_are_told(watched: Watched) -> None:
    watched.live()
    run = {"at": 1_790_000_000, "begin": 1_790_000_000, "through": 1_790_000_000}
    checkpoints.write(watched.database, "gaps", run | {"found": {}})
    assert watched.wrong() == []
    checkpoints.write(watched.database, "gaps", run | {"found": {"invoice.paid": 3, "customer.created": 1}})
    found = "the run of 2026-09-21 14:13 found and accepted 1 customer.created, 3 invoice.paid"
    assert watched.wrong() == [("gaps", Level.WARN, found)]


def test_time_that_no_gap_fill_can_mend_fails(watched: Watched) -> None:
    watched.live()
    run = {"at": 1_790_000_000, "begin": 1_790_000_000, "through": 1_790_000_000, "found": {}}
    checkpoints.write(watched.database, "gaps", run)
    checkpoints.write(watched.database, "gaps.hole", {"begin": 1_780_000_000, "end": 1_787_000_000})
    ((check, level, found),) = watched.wrong()
    assert (check, level) == ("gaps", Level.FAIL)
    assert found.startswith("what happened from 2026-05-28")


def test_last_check_of_the_endpoint_is_told_with_its_moment(watched: Watched) -> None:
    watched.live()
    put_down(watched.database, [Finding("endpoint", Level.FAIL, "we_1 is disabled", "enable it")])
    ((check, level, found),) = watched.wrong()
    assert (check, level) == ("endpoint", Level.FAIL)
    assert found.startswith(f"we_1 is disabled (checked {datetime.now(UTC):%Y-%m}")


@pytest.mark.parametrize("drift", [0, 2])
def test_drift_of_the_last_run_is_told(watched: Watched, drift: int) -> None:
    watched.live()
    run = {"began_at": "2026-11-26T03:00:00Z", "kinds": ["invoice"], "tallies": {"invoice": {"differs": drift}}}
    checkpoints.write(watched.database, "reconcile", run)
    expected = [("drift", Level.FAIL, "the run of 2026-11-26 03:00 left 2 invoice")] if drift else []
    assert watched.wrong() == expected
