"""What can be seen of the service from outside, in numbers: the same for its metrics, its log and `billing status`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from redis import Redis
from sqlalchemy import select

from billing_core.commands.claim import UNFINISHED
from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.event_log import count_unresolved
from billing_core.heartbeats import MISSED_BEATS, Heartbeats, Role, Seen
from billing_core.inbox import Depth, WorkingInbox
from billing_core.models import BillingCommand
from billing_core.models.declarative import utc_now
from billing_core.ordering import Outcome
from billing_core.retry import named_database_errors
from billing_core.watch.runs import Runs, last_runs
from config.queues import QUEUES, UNREADABLE, Family
from config.settings import Settings

# A command whose worker died is run again after one lease. What is not finished after two needs a person.
LEASES = 2

# So many are counted.
MOST_STUCK = 100


@dataclass(frozen=True, slots=True)
class Flow:
    """What Redis tells.

    Attributes:
        depths: what waits, by family.
        queued: messages that no worker has taken, by queue.
        unreadable: how much was found in queues that is no message.
        processes: workers and beats heard of within the last hour.
        silent_after: seconds without a beat after which a process counts as hung.
    """

    depths: Mapping[Family, Depth]
    queued: Mapping[str, int]
    unreadable: int
    processes: Sequence[Seen]
    silent_after: float

    def living(self, role: Role) -> list[Seen]:
        """Return the processes that beat."""
        return [one for one in self.processes if one.role is role and one.age_s <= self.silent_after]

    def silent(self, role: Role) -> list[Seen]:
        """Return the processes that do not, and did not say that they end."""
        return [one for one in self.processes if one.role is role and one.age_s > self.silent_after]

    def consumers(self) -> dict[str, int]:
        """Return how many living workers consume each queue."""
        workers = self.living(Role.WORKER)
        return {str(queue): sum(queue in worker.queues for worker in workers) for queue in QUEUES}


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the database tells.

    Attributes:
        dead: dead letters.
        parked: events whose customer has no user.
        stuck: commands that should be finished and are not, oldest first, up to 100.
        runs: the last results of what runs on a schedule.
    """

    dead: int
    parked: int
    stuck: Sequence[str]
    runs: Runs


class Sight(NamedTuple):
    """The service at one moment; no ledger while the database is away."""

    flow: Flow
    ledger: Ledger | None


def look(redis: Redis, inbox: WorkingInbox, database: Database, settings: Settings) -> Sight:
    """Look at all of it.

    Raises:
        redis.RedisError: Redis is away.
    """
    return Sight(look_at_redis(redis, inbox, settings), look_at_database(database, settings))


def look_at_redis(redis: Redis, inbox: WorkingInbox, settings: Settings) -> Flow:
    """Look at what flows.

    Raises:
        redis.RedisError: Redis is away.
    """
    lists = [str(queue) for queue in (*QUEUES, UNREADABLE)]
    pipeline = redis.pipeline(transaction=False)
    for name in lists:
        pipeline.llen(f"{settings.queue_prefix}{name}")
    lengths = dict(zip(lists, pipeline.execute(), strict=True))
    return Flow(
        depths={family: inbox.depth(family) for family in Family},
        unreadable=lengths.pop(UNREADABLE),
        queued=lengths,
        processes=Heartbeats(redis, settings.queue_prefix).seen(),
        silent_after=MISSED_BEATS * settings.heartbeat_interval,
    )


def look_at_database(database: Database, settings: Settings) -> Ledger | None:
    """Look at what is on record; None while the database is away."""
    since = utc_now() - timedelta(seconds=LEASES * settings.command_lease)
    unfinished = select(BillingCommand.command_id).where(
        BillingCommand.status.in_(UNFINISHED), BillingCommand.created_at < since
    )
    try:
        with named_database_errors(), database.read() as session:
            unresolved = count_unresolved(session)
            stuck = session.scalars(unfinished.order_by(BillingCommand.created_at).limit(MOST_STUCK)).all()
        dead, parked = (unresolved.get(outcome, 0) for outcome in (Outcome.DEAD, Outcome.PARKED))
        return Ledger(dead, parked, stuck, last_runs(database))
    except DatabaseUnavailable:
        return None
