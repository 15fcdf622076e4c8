"""A batch of events from claim to settlement: all in one transaction, or else each on its own."""

import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from billing_core import audit
from billing_core.errors import BillingError, DatabaseUnavailable, NeverRetry, RaceLost, WorkerKilled
from billing_core.events import read_event
from billing_core.facts import Fact, Notice, Query
from billing_core.inbox import ClaimedEvent
from billing_core.metrics import APPLY_SECONDS, DELIVERY_SECONDS, OUTCOMES, RETRIES
from billing_core.ordering import Outcome
from billing_core.retry import named_database_errors
from billing_core.shapes import app_of
from config.queues import Family
from workers import handlers
from workers.runtime import Runtime

log = structlog.get_logger()

for _family in Family:  # there before the first, so that Prometheus sees that one too
    for _outcome in Outcome:
        OUTCOMES.labels(_family, _outcome)


@dataclass(slots=True)
class WorkedOff:
    """What a batch came to.

    Attributes:
        family: of all its events.
        later: the events to try again later. What is not among them is over: applied, stale, parked, foreign or dead.
        outcomes: how many events came to which outcome in this attempt.
        lag_s: seconds since the first of them was accepted.
    """

    family: Family
    later: list[str] = field(default_factory=list)
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    lag_s: float = 0.0

    def __str__(self) -> str:
        """Tell it in Flower, which shows what a task returns."""
        counts = [f"{outcome}={number}" for outcome, number in self.outcomes.items()]
        lag = [f"lag={self.lag_s:.3f}s"] if self.lag_s else []
        return " ".join([*counts, *lag]) or "nothing left to do"


def work_off(here: Runtime, family: Family, event_ids: Sequence[str]) -> WorkedOff:
    """Apply the events and settle them."""
    claimed = here.inbox.claim(event_ids)
    done = WorkedOff(family)
    later, dead, facts = done.later, list[str](), list[Fact | Notice]()
    for one in claimed:
        try:
            facts.append(_read(here, one))
        except Exception as error:  # noqa: BLE001  (whatever it is: its neighbours pass)
            (dead if _bury(here, one, error) else later).append(one.event_id)
    by_id = {one.event_id: one for one in claimed}
    for event_id, failure in _apply(here, facts, done):
        (dead if _bury(here, by_id[event_id], failure) else later).append(event_id)
    here.inbox.release(family, dead)
    unsettled = {*later, *dead}
    here.inbox.settle(family, [event_id for event_id in event_ids if event_id not in unsettled])
    if dead:
        done.outcomes[Outcome.DEAD] = len(dead)
    _count(done)
    return done


def _read(here: Runtime, claimed: ClaimedEvent) -> Fact | Notice:
    if claimed.deliveries > here.settings.max_deliveries:
        raise WorkerKilled(f"{claimed.event_id}: its worker died {claimed.deliveries - 1} times while applying it")
    event, body = read_event(claimed.event_id, claimed.payload)
    kind, told = handlers.read(event)
    app = app_of(event.data.object)
    # Last, since it takes out of the event's object what is not kept.
    kept = here.payloads.kept(claimed.event_id, body)
    if isinstance(told, Query):
        return Notice(event, kind, told, kept, claimed.accepted_at, claimed.deliveries)
    return Fact(event, told, kept, claimed.accepted_at, claimed.deliveries, app)


def _count(done: WorkedOff) -> None:
    for outcome, number in done.outcomes.items():
        OUTCOMES.labels(done.family, outcome).inc(number)
    if done.later:
        RETRIES.labels(done.family).inc(len(done.later))


def _apply(here: Runtime, facts: Sequence[Fact | Notice], done: WorkedOff) -> list[tuple[str, Exception]]:
    """Apply the facts; note what came of them, and return those that failed for good."""
    if not facts:
        return []
    try:
        processed = here.processor.process(facts)
    except (DatabaseUnavailable, RaceLost) as error:
        log.warning("events.postponed", event_ids=[fact.event.id for fact in facts], reason=str(error))
        done.later += [fact.event.id for fact in facts]
        return []
    except Exception as error:  # noqa: BLE001  (whatever it is: it is recorded and shown, and its neighbours pass)
        if len(facts) == 1:
            return [(facts[0].event.id, error)]
        return [failed for fact in facts for failed in _apply(here, [fact], done)]
    for event_id, trouble in processed.later.items():
        log.warning("event.postponed", event_id=event_id, reason=str(trouble))
    done.later += processed.later
    _tell(facts, processed.outcomes, done)
    return []


def _bury(here: Runtime, claimed: ClaimedEvent, error: Exception) -> bool:
    """Write a dead letter; False if the database is away, so that the event must wait."""
    known, trace = _known_columns(here, claimed), _trace(here, claimed, error)
    try:
        try:
            _write_dead(here, known | _readable_columns(claimed), error, trace, claimed.deliveries)
        except (SQLAlchemyError, ValueError):  # a column refuses what was read: that may be what the event died of
            _write_dead(here, known, error, trace, claimed.deliveries)
    except (DatabaseUnavailable, RaceLost):
        return False
    log.error("event.dead_lettered", event_id=claimed.event_id, reason=type(error).__name__)
    return True


def _trace(here: Runtime, claimed: ClaimedEvent, error: Exception) -> str:
    """Return the traceback; what an exception quotes of the event is taken out of it as of the event."""
    return _storable(here.payloads.scrubbed("".join(traceback.format_exception(error)), claimed.payload))


def _write_dead(here: Runtime, columns: dict[str, object], error: Exception, trace: str, attempts: int) -> None:
    with named_database_errors(), here.database.write() as session:
        audit.record_dead(session, columns, _reason(error), trace, attempts)


def _reason(error: Exception) -> str:
    """Name the fact. Only our own errors speak: others may quote what they choked on, which is personal data."""
    if isinstance(error, BillingError):
        return f"{type(error).__name__}: {error}"
    cause = getattr(error, "orig", None)  # the driver's error behind SQLAlchemy's
    return f"{type(error).__name__}: {type(cause).__name__}" if cause else type(error).__name__


def _known_columns(here: Runtime, claimed: ClaimedEvent) -> dict[str, object]:
    """Return what can be said of an event that may be unreadable."""
    return {
        "stripe_event_id": claimed.event_id,
        "event_type": "unreadable",
        "livemode": False,
        "stripe_created_at": claimed.accepted_at,
        "event_data": here.payloads.kept_of_any(claimed.event_id, claimed.payload),
        "received_at": claimed.accepted_at,
    }


def _readable_columns(claimed: ClaimedEvent) -> dict[str, object]:
    try:
        return audit.event_columns(read_event(claimed.event_id, claimed.payload).event)
    except NeverRetry:
        return {}


def _storable(text: str) -> str:
    """Replace what PostgreSQL cannot hold in a text: NUL and lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _tell(facts: Sequence[Fact | Notice], outcomes: Mapping[str, Outcome], done: WorkedOff) -> None:
    """Write one line for each outcome: a line for each event would cost a tenth of what it takes to apply it."""
    now = datetime.now(UTC)
    by_outcome = defaultdict[Outcome, list[Fact | Notice]](list)
    for fact in facts:
        if outcome := outcomes.get(fact.event.id):
            by_outcome[outcome].append(fact)
    for outcome, group in by_outcome.items():
        lags = [(now - fact.received_at).total_seconds() for fact in group]
        APPLY_SECONDS.observe(lags, done.family)
        on_the_way = [fact.received_at.timestamp() - fact.event.created for fact in group]
        DELIVERY_SECONDS.observe(on_the_way, done.family)
        done.outcomes[outcome] = done.outcomes.get(outcome, 0) + len(group)
        done.lag_s = max(done.lag_s, *lags)
        log.info(
            "events.settled",
            outcome=outcome,
            count=len(group),
            event_ids=[fact.event.id for fact in group],
            object_ids=sorted({fact.event.object_id for fact in group if fact.event.object_id}),
            lag_s=round(max(lags), 3),
        )
