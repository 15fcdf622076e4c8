"""How many events came to which outcome, and how long they took: over time, for a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from billing_core.models import BillingEvent
from billing_core.ordering import Outcome

# So many of the latest of each interval tell its lag: as good for a picture as all of them, of which there may be
# millions.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """What ended in an interval of time.

    Attributes:
        begin: its first moment.
        outcomes: how many events came to which outcome.
        lags: seconds from accepted to applied of the latest events, ascending.
    """

    begin: datetime
    outcomes: dict[str, int]
    lags: Sequence[float]

    @property
    def total(self) -> int:
        """How many events there were."""
        return sum(self.outcomes.values())

    def lag(self, share: float) -> float | None:
        """Return the lag that this share of the events stayed below; None where there was none."""
        return self.lags[min(len(self.lags) - 1, int(share * len(self.lags)))] if self.lags else None


def rates(session: Session, begin: datetime, width: timedelta, count: int) -> list[Interval]:
    """Return intervals, oldest first. Every question is asked of the index of outcome and time."""
    begins = [begin + number * width for number in range(count)]
    counted = _outcomes(session, begins, width)
    return [Interval(one, counted[number], _lags(session, one, one + width)) for number, one in enumerate(begins)]


def _outcomes(session: Session, begins: Sequence[datetime], width: timedelta) -> list[dict[str, int]]:
    parts = [
        select(literal(number).label("number"), BillingEvent.outcome, func.count().label("events"))
        .where(
            # Named for the index, which begins with them.
            BillingEvent.outcome.in_(list(Outcome)),
            BillingEvent.processed_at >= begin,
            BillingEvent.processed_at < begin + width,
        )
        .group_by(BillingEvent.outcome)
        for number, begin in enumerate(begins)
    ]
    counted: list[dict[str, int]] = [{} for _ in begins]
    for number, outcome, events in session.execute(union_all(*parts)):
        counted[number][outcome] = events
    return counted


def _lags(session: Session, begin: datetime, end: datetime) -> list[float]:
    query = (
        select(BillingEvent.received_at, BillingEvent.processed_at)
        .where(
            BillingEvent.outcome == Outcome.APPLIED, BillingEvent.processed_at >= begin, BillingEvent.processed_at < end
        )
        .order_by(BillingEvent.processed_at.desc())
        .limit(SAMPLE)
    )
    return sorted(max(0.0, (done - came).total_seconds()) for came, done in session.execute(query))
