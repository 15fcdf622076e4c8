"""The two systems that take events from post to row: ours, and the ordinary stack."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from billing_core.inbox import Keys
from billing_core.models import BillingEvent
from config.queues import Family
from tests.bench.commits import Commits
from tests.bench.contenders.ordinary import StripeEvent
from tests.bench.corpus import Posted
from tests.bench.generator import Answers, Generator
from tests.bench.processes import Contender, OrdinaryWorker, Web, beat, worker
from tests.bench.requests import requests
from tests.bench.stage import PREFIX, Stage
from tests.embedded.server_process import ServerProcess

PATIENCE = 60.0  # s without progress
_POLL = 0.05  # s


class Stuck(Exception):
    """Events wait, and nothing moves."""


class Lost(Exception):
    """Posted events are not on record."""


@dataclass(frozen=True)
class System:
    """A system that runs.

    Attributes:
        web: takes the posts.
        workers: apply them.
        others: what runs beside.
        waiting: says how many events or messages are accepted and not yet applied.
        commits: its table of events.
    """

    web: ServerProcess
    workers: Sequence[ServerProcess]
    others: Sequence[ServerProcess]
    waiting: Callable[[], int]
    commits: Commits

    def drain(self) -> None:
        """Return when everything accepted is applied.

        Raises:
            Stuck: it does not become less.
        """
        least, since = self.waiting(), time.monotonic()
        while waiting := self.waiting():
            if waiting < least:
                least, since = waiting, time.monotonic()
            if time.monotonic() > since + PATIENCE:
                raise Stuck(f"{waiting} events wait, see {self.workers[0].log}")
            time.sleep(_POLL)


@dataclass
class Applied:
    """What came of posting events: the answers, and when those accepted were committed."""

    events: Sequence[Posted]
    answers: Answers
    moments: dict[str, float]
    problems: list[str] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Events a second from the first post to the last commit."""
        return len(self.moments) / (max(self.moments.values()) - self.answers.began)

    @property
    def lags(self) -> list[float]:
        """Seconds from when each post was due to the commit of its event."""
        sent = zip(self.answers.numbers, self.answers.sent_at, strict=True)
        due = {self.events[number].event_id: moment for number, moment in sent}
        return [moment - due[event_id] for event_id, moment in self.moments.items()]


def post_and_apply(system: System, events: Sequence[Posted], per_s: float | None = None) -> Applied:
    """Post the events, as fast as they are taken or at an even rate, and wait until all are applied."""
    system.commits.begin()
    signed, generator = requests(events), Generator(system.web.port)
    answers = generator.pace(signed, per_s) if per_s else generator.flood(signed)
    system.drain()
    return _checked(Applied(events, answers, system.commits.moments()))


def pile_up(system: System, events: Sequence[Posted]) -> None:
    """Let the workers stand still, and post the events."""
    system.commits.begin()
    for one in system.workers:
        one.pause()
    Generator(system.web.port).flood(requests(events))


def work_off(system: System) -> None:
    """Let the workers go on, and return when everything accepted is applied."""
    for one in system.workers:
        one.resume()
    system.drain()


def drained_per_s(system: System, events: Sequence[Posted]) -> float:
    """Post the events while the workers stand still, and return how many they apply in a second when they go on.

    Raises:
        Lost: not all of them came to be on record.
    """
    pile_up(system, events)
    began = time.monotonic()
    work_off(system)
    seconds = time.monotonic() - began
    if (recorded := system.commits.count()) != len(events):
        raise Lost(f"{recorded} of {len(events)} posted events are on record")
    return len(events) / seconds


def _checked(applied: Applied) -> Applied:
    accepted = {applied.events[number].event_id for number in applied.answers.accepted}
    if refused := len(applied.answers.numbers) - len(accepted):
        applied.problems.append(f"{refused} answers were no 200")
    if lost := len(accepted - applied.moments.keys()):
        applied.problems.append(f"{lost} of {len(accepted)} accepted events are not on record")
    return applied


@contextmanager
def ours(
    stage: Stage, database_url: str, workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[System]:
    """Run what the Procfile has, but for Flower."""
    environment = {**stage.environment(database_url), **(settings or {})}
    keys = [Keys(PREFIX).inbox(family) for family in Family]

    def waiting() -> int:
        pipeline = stage.redis.pipeline(transaction=False)
        for key in keys:
            pipeline.zcard(key)
        return sum(pipeline.execute())

    columns = BillingEvent.__mapper__.columns
    names = columns["event_id"].name, columns["stripe_event_id"].name
    commits = Commits(database_url, BillingEvent.__tablename__, key=names[0], event_id=names[1])
    with ExitStack() as stack:
        stack.callback(commits.close)
        web = stack.enter_context(Web(stage.folder("web"), environment=environment))
        started = [stack.enter_context(worker(stage.folder("worker"), environment)) for _ in range(workers)]
        others = [stack.enter_context(beat(stage.folder("beat"), environment))]
        yield System(web, started, others, waiting, commits)


@contextmanager
def ordinary(stage: Stage) -> Iterator[System]:
    """Run the ordinary stack."""
    database_url = stage.ordinary_database()
    environment = stage.environment(database_url)

    def once() -> int:
        return int(stage.redis.llen("celery")) + int(stage.redis.hlen("unacked"))

    def waiting() -> int:
        # Between taking a message and writing down that it has it, kombu's worker shows it nowhere.
        first = once()
        time.sleep(0 if first else _POLL)
        return first or once()

    commits = Commits(database_url, StripeEvent.__tablename__, key="id", event_id="stripe_event_id")
    with ExitStack() as stack:
        stack.callback(commits.close)
        web = stack.enter_context(Contender(stage.folder("ordinary"), "ordinary", environment))
        started = stack.enter_context(OrdinaryWorker(stage.folder("ordinary"), environment))
        yield System(web, [started], [], waiting, commits)
