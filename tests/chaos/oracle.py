"""What must hold after every fault: our tables equal fake Stripe, nothing waits, nothing was done twice."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from redis import Redis

from billing_core.commands import CommandStatus
from billing_core.event_types import FAMILY_OF
from billing_core.inbox import Keys
from billing_core.models import BillingCommand, BillingEvent
from config.queues import COMMANDS_QUEUE, Family
from tests.chaos.life import FIRST_SUBSCRIBER
from tests.chaos.stage import Stage
from tests.convergence.oracle import differences
from tests.system.service import PREFIX

_POLL = 0.2  # s


def wait_until_calm(stage: Stage, timeout: float) -> list[str]:
    """Return what is still wrong after `timeout` seconds; what ends meanwhile is started again."""
    deadline = time.monotonic() + timeout
    while True:
        stage.revive()
        # From the cheap to the dear: rows are only compared once nothing is on its way any more.
        wrong = list(_on_the_way(stage)) or list(_not_equal(stage))
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(_POLL)


def doubled(stage: Stage) -> list[str]:
    """Return what happened more than once though it was asked for once."""
    with stage.fake.sandbox.lock:
        tables = stage.fake.sandbox.state.tables
        owners = {customer: obj.get("metadata") or {} for customer, obj in tables["customer"].items()}
        bought = Counter(int(owners[one["customer"]].get("user_id", 0)) for one in tables["subscription"].values())
    twice = [
        f"user {user} has {number} subscriptions of one command"
        for user, number in bought.items()
        if user >= FIRST_SUBSCRIBER and number > 1
    ]
    return twice + [f"{event} is more than once on record" for event in _recorded_more_than_once(stage)]


def _recorded_more_than_once(stage: Stage) -> Sequence[str]:
    event_id = BillingEvent.stripe_event_id
    with stage.service.database.read() as session:
        return session.scalars(sa.select(event_id).group_by(event_id).having(sa.func.count() > 1)).all()


def events(stage: Stage) -> int:
    """Return how many events of ours happened at Stripe so far."""
    with stage.fake.sandbox.lock:
        return sum(event["type"] in FAMILY_OF for event in stage.fake.sandbox.events.values())


def _on_the_way(stage: Stage) -> Iterator[str]:
    expected = events(stage)
    recorded = len(stage.service.recorded())
    if recorded != expected:
        yield f"{expected} events at Stripe, {recorded} on record"
    yield from _unfinished_commands(stage)
    yield from _left_in_redis(stage)


def _left_in_redis(stage: Stage) -> Iterator[str]:
    keys = Keys(PREFIX)
    with Redis.from_url(stage.service.redis.url, decode_responses=True) as redis:
        for family in Family:
            if waiting := redis.zrange(keys.inbox(family), 0, 4):
                yield f"{family}: in the inbox: {waiting}"
        for queue in (*Family, COMMANDS_QUEUE):
            if length := redis.llen(f"{PREFIX}{queue}"):
                yield f"{queue}: {length} messages queued"
        if counted := redis.hgetall(keys.deliveries):
            yield f"taken up and not settled: {counted}"
        held = [message for message in redis.hvals(keys.unacked) if "evt_" in message]
        if held:
            yield f"{len(held)} messages not acknowledged"


def _unfinished_commands(stage: Stage) -> Iterator[str]:
    with stage.service.database.read() as session:
        rows = session.execute(sa.select(BillingCommand.idempotency_key, BillingCommand.status, BillingCommand.error))
        found = {key: (CommandStatus(status), error) for key, status, error in rows}
    for key in stage.life.sent.keys() - found.keys():
        yield f"command {key} is not on record"
    for key, (status, error) in found.items():
        if status is not CommandStatus.SUCCEEDED:
            yield f"command {key} is {status}: {error}"


def _not_equal(stage: Stage) -> Iterator[str]:
    with stage.service.database.read() as session:
        yield from differences(session, stage.fake, stage.linked)
    yield from (f"nobody looks after {process}" for process in stage.leaked())
