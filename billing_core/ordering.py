"""Which state wins: the rule that makes every order of delivery end in the same rows. No database here.

A state is newer if it is terminal and the other is not, else if its `as_of` is later. Stripe's clock for events
ticks in seconds, so two events of one second can carry different states: a tie, which only Stripe can settle.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from billing_core.records import Record, values_of


class Outcome(StrEnum):
    """What became of an event, as BillingEvents says it."""

    APPLIED = "applied"  # its state is, or was for a while, what our row says
    STALE = "stale"  # our row already had a newer state
    TIE = "tie"  # same second, different state: settled by asking Stripe
    PARKED = "parked"  # no user owns its customer yet
    FOREIGN = "foreign"  # it belongs to somebody else who uses the same Stripe account
    DEAD = "dead"  # it failed and would fail again


# With one of these an event is over; the others are taken up again when it is delivered or replayed.
SETTLED = frozenset({Outcome.APPLIED, Outcome.STALE, Outcome.TIE})

# A row that claims to be of so much later than Stripe's own clock would take no event for as long. Stripe's answers
# count from a second or two before the moment they were given.
LARGEST_LEAD = timedelta(minutes=5)

# Changed fields by name, each with its value before and after, as JSON can hold it.
Changes = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class State:
    """What a row says, and since when."""

    record: Record
    as_of: datetime

    @property
    def rank(self) -> tuple[bool, datetime]:
        """The order of states: terminal last, then by time."""
        return self.record.terminal, self.as_of


class Observed(Protocol):
    """Something that saw an object in a state."""

    @property
    def state(self) -> State:
        """The state seen."""
        ...


T = TypeVar("T", bound=Observed)


@dataclass(slots=True)
class Fold(Generic[T]):
    """What comes of folding observations of one object into the state we hold.

    Attributes:
        state: the state to hold from now on.
        newest: the observation that it comes from, or None if we keep the state that we held.
        results: each observation that is decided, with its outcome and what it changed.
        ties: the observations that only Stripe can decide.
    """

    state: State | None
    newest: T | None = None
    results: list[tuple[T, Outcome, Changes]] = field(default_factory=list)
    ties: list[T] = field(default_factory=list)


def fold(held: State | None, observed: Iterable[T]) -> Fold[T]:
    """Fold observations of one object into the state held; the order in which they come does not matter."""
    result: Fold[T] = Fold(held)
    for item in sorted(observed, key=lambda item: item.state.rank):
        _fold_one(result, item)
    _drop_overtaken_ties(result)
    return result


# Where Stripe cannot be asked: the usual course of a subscription, an invoice, a dispute, a refund or a payment.
_COURSE = (
    ("draft", "incomplete", "trialing", "warning_needs_response", "needs_response", "pending", "requires_action"),
    ("open", "active", "warning_under_review", "under_review"),
    ("past_due", "unpaid", "paused"),
    ("uncollectible", "lost", "failed"),
    ("paid", "won", "succeeded", "warning_closed"),
)
_STEP = {status: step for step, statuses in enumerate(_COURSE) for status in statuses}


def latest_without_stripe(states: Iterable[State]) -> State:
    """Choose among states of one moment when Stripe cannot be asked: the furthest on its usual course.

    A guess, but the same one whatever the order of delivery; of two at the same step, the greater text wins.
    """

    def order(state: State) -> tuple[object, ...]:
        return state.rank, _STEP.get(getattr(state.record, "status", ""), len(_COURSE)), repr(state.record)

    return max(states, key=order)


def changes(before: Record | None, after: Record) -> Changes:
    """Return the fields in which two states differ."""
    old = values_of(before) if before else {}
    return {
        name: [jsonable(old.get(name)), jsonable(value)]
        for name, value in values_of(after).items()
        if old.get(name) != value
    }


def _fold_one(result: Fold[T], item: T) -> None:
    held, new = result.state, item.state
    if held is None or new.rank > held.rank:
        result.results.append((item, Outcome.APPLIED, changes(held.record if held else None, new.record)))
        result.state, result.newest = new, item
    elif new.rank < held.rank:
        result.results.append((item, Outcome.STALE, {}))
    elif new.record == held.record:
        result.results.append((item, Outcome.APPLIED, {}))
    else:
        result.ties.append(item)


def _drop_overtaken_ties(result: Fold[T]) -> None:
    """A tie about a state that the same fold has left behind changes nothing: it needs no call to Stripe."""
    for item in result.ties:
        if result.state and item.state.rank < result.state.rank:
            result.results.append((item, Outcome.STALE, {}))
    result.ties = [item for item in result.ties if result.state and item.state.rank == result.state.rank]


def jsonable(value: Any) -> Any:
    """Return a column's value as JSON can hold it."""
    return value.isoformat() if isinstance(value, datetime) else value
