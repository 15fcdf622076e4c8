from billing_core import checkpoints
from billing_core.finding import Finding, Level
from billing_core.heartbeats import Role
from billing_core.inbox import AcceptedEvent
from billing_core.metrics import SEEN
from billing_core.watch.endpoint import put_down
from billing_core.watch.gauges import expose_flow, expose_ledger
from config.queues import QUEUES, Family
from tests.billing_core.test_watch.watched import Watched


def value(name: str, **labels: str) -> float | None:
    return SEEN.get_sample_value(name, labels)


def test_what_redis_tells_is_measured(watched: Watched) -> None:
    watched.live()
    watched.beat(Role.WORKER, 7, *QUEUES, seconds_ago=60)
    watched.inbox.accept_again([AcceptedEvent(f"evt_{number}", Family.REFUND, b"{}") for number in (1, 2)])
    expose_flow(watched.sight().flow)
    assert value("billing_redis_up") == 1
    assert value("billing_inbox_events", family="stripe.refund") == 2
    assert value("billing_inbox_events", family="stripe.invoice") == 0
    assert value("billing_queue_messages", queue="stripe.refund") == 1
    assert value("billing_queue_messages", queue="billing.commands") == 0
    assert (value("billing_queue_oldest_seconds", family="stripe.refund") or 0) < 30
    assert (value("billing_inbox_oldest_seconds", family="stripe.refund") or 0) < 30
    assert value("billing_queue_consumers", queue="billing.maintenance") == 1
    assert value("billing_processes", role="worker", state="living") == 1
    assert value("billing_processes", role="worker", state="silent") == 1
    assert value("billing_processes", role="beat", state="living") == 1


def test_what_the_database_tells_is_measured(watched: Watched) -> None:
    put_down(watched.database, [Finding("a", Level.OK, ""), Finding("b", Level.WARN, ""), Finding("c", Level.FAIL, "")])
    run = {"at": 1, "begin": 1, "through": 1, "found": {"invoice.paid": 3, "customer.created": 1}}
    checkpoints.write(watched.database, "gaps", run)
    tallies = {"invoice": {"differs": 2}, "customer": {}}
    drift = {"began_at": "2026-11-26T03:00:00Z", "kinds": ["invoice", "customer"], "tallies": tallies}
    checkpoints.write(watched.database, "reconcile", drift)
    expose_ledger(watched.sight().ledger)
    assert value("billing_database_up") == 1
    assert (value("billing_dead_letters"), value("billing_parked_events"), value("billing_commands_stuck")) == (0, 0, 0)
    assert value("billing_endpoint_problems") == 2
    assert (value("billing_gaps_last_found"), value("billing_gaps_hole")) == (4, 0)
    assert (value("billing_drift", kind="invoice"), value("billing_drift", kind="customer")) == (2, 0)


def test_what_is_away_is_measured(watched: Watched) -> None:
    expose_flow(None)
    expose_ledger(None)
    assert (value("billing_redis_up"), value("billing_database_up")) == (0, 0)
