"""What the service needs as it grows, from what was measured: `python -m tests.bench.growth` writes it down."""

import math
from dataclasses import dataclass

from tests.bench import page
from tests.bench.findings import Table
from tests.run.procfile import ROOT

PAGE = ROOT / "docs" / "scaling.md"
SUBSCRIBERS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

RENEWAL_EVENTS = 8  # of one subscription, on the first of the month
BURST_SECONDS = 3600  # within which Stripe sends those of all subscriptions
OTHER_EVENTS = 4  # of one subscription in the rest of the month: cards, failures, disputes, sign-ups
HEADROOM = 2  # a process that is always busy answers nobody in time
DEDUPE_DAYS = 7
STALLED_SECONDS = 600  # of the burst, that Redis has room for while nobody works it off
GB = 1e9


@dataclass(frozen=True)
class Measured:
    """On one core of the machine that docs/performance.md names, under Cost and Memory.

    Attributes:
        accept_us: of a web process, for an event.
        apply_us: of a worker process.
        redis_us: of Redis.
        database_us: of PostgreSQL.
        waiting_bytes: that an event takes in Redis until it is applied.
        tombstone_bytes: that it takes afterwards.
        row_bytes: on PostgreSQL's disk, with its share of the objects' rows and all indexes.
    """

    accept_us: float
    apply_us: float
    redis_us: float
    database_us: float
    waiting_bytes: int
    tombstone_bytes: int
    row_bytes: int


MEASURED = Measured(
    accept_us=89, apply_us=339, redis_us=88, database_us=145, waiting_bytes=5_700, tombstone_bytes=124, row_bytes=2_500
)


def table(measured: Measured = MEASURED) -> Table:
    """Return what each number of subscribers needs."""
    return Table(
        (
            "subscribers",
            "events/s in the burst",
            "web processes",
            "worker processes",
            "Redis: cores",
            "Redis: memory, GB",
            "database: cores",
            "database: GB a month",
        ),
        [_row(subscribers, measured) for subscribers in SUBSCRIBERS],
    )


def _row(subscribers: int, measured: Measured) -> tuple[str, ...]:
    rate = subscribers * RENEWAL_EVENTS / BURST_SECONDS
    events = subscribers * (RENEWAL_EVENTS + OTHER_EVENTS)
    # The week in which the burst falls.
    remembered = subscribers * (RENEWAL_EVENTS + OTHER_EVENTS * DEDUPE_DAYS / 30)
    memory = remembered * measured.tombstone_bytes + rate * STALLED_SECONDS * measured.waiting_bytes
    return (
        f"{subscribers:,}",
        f"{rate:,.0f}",
        f"{_busy(rate, measured.accept_us)}",
        f"{_busy(rate, measured.apply_us)}",
        f"{rate * measured.redis_us / 1e6:.2f}",
        f"{memory / GB:,.2f}",
        f"{rate * measured.database_us / 1e6:.1f}",
        f"{events * measured.row_bytes / GB:,.2f}",
    )


def _busy(rate: float, microseconds: float) -> int:
    return max(1, math.ceil(rate * microseconds / 1e6 * HEADROOM))


def written(text: str) -> str:
    """Return the page with the table as it is now."""
    return page.replaced(text, "growth", table().markdown())


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
