"""What is seen, as metrics. Who asks for them has them set first: what hangs cannot report itself."""

from billing_core.heartbeats import Role
from billing_core.metrics import (
    COMMANDS_STUCK,
    DATABASE_UP,
    DEAD_LETTERS,
    DRIFT,
    ENDPOINT_PROBLEMS,
    GAPS_HOLE,
    GAPS_LAST_FOUND,
    INBOX_EVENTS,
    INBOX_OLDEST,
    KEYS_REFUSED,
    PARKED,
    PROCESSES,
    QUEUE_CONSUMERS,
    QUEUE_MESSAGES,
    QUEUE_OLDEST,
    REDIS_UP,
    UNREADABLE_MESSAGES,
)
from billing_core.watch.sight import Flow, Ledger


def expose_flow(flow: Flow | None) -> None:
    """Set what Redis tells; None while it is away."""
    REDIS_UP.set(flow is not None)
    if flow is None:
        return
    for family, depth in flow.depths.items():
        INBOX_EVENTS.labels(family).set(depth.inbox)
        INBOX_OLDEST.labels(family).set(depth.oldest_s)
        QUEUE_OLDEST.labels(family).set(depth.queue_oldest_s)
    for queue, messages in flow.queued.items():
        QUEUE_MESSAGES.labels(queue).set(messages)
    UNREADABLE_MESSAGES.set(flow.unreadable)
    for queue, number in flow.consumers().items():
        QUEUE_CONSUMERS.labels(queue).set(number)
    for role in Role:
        PROCESSES.labels(role, "living").set(len(flow.living(role)))
        PROCESSES.labels(role, "silent").set(len(flow.silent(role)))
    telling = [one.keys for role in Role for one in flow.living(role) if one.keys]
    KEYS_REFUSED.set(sum(keys.problem is not None for keys in telling))


def expose_ledger(ledger: Ledger | None) -> None:
    """Set what the database tells; None while it is away."""
    DATABASE_UP.set(ledger is not None)
    if ledger is None:
        return
    DEAD_LETTERS.set(ledger.dead)
    PARKED.set(ledger.parked)
    COMMANDS_STUCK.set(len(ledger.stuck))
    if check := ledger.runs.endpoint:
        ENDPOINT_PROBLEMS.set(len(check.problems))
    if run := ledger.runs.gaps:
        GAPS_LAST_FOUND.set(sum(run.found.values()))
        GAPS_HOLE.set(run.behind)
    if reconciled := ledger.runs.reconcile:
        for kind, number in reconciled.drift.items():
            DRIFT.labels(kind).set(number)
