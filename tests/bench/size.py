"""How much is measured."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Seconds and counts of a run.

    Attributes:
        rounds: how often each contender has its turn; the median counts.
        accept_seconds: of one turn at accepting.
        accept_events: the most that a turn posts.
        apply_events: posted to ours in one turn, from the first post to the last commit.
        ordinary_events: the same for the ordinary stack, which takes longer over each.
        lag_seconds: at the low rate, and again at half of the maximum.
        backlog: events that wait when the worker begins.
        memory_events: over which memory must be flat.
        history: rows of BillingEvents under which throughput is measured.
        single_events: applied one by one, with task events and without.
        scale_events: backlog of each measurement of scale.
    """

    rounds: int
    accept_seconds: float
    accept_events: int
    apply_events: int
    ordinary_events: int
    lag_seconds: float
    backlog: int
    memory_events: int
    history: tuple[int, ...]
    single_events: int
    scale_events: int


QUICK = Size(
    rounds=3,
    accept_seconds=0.7,
    accept_events=15_000,
    apply_events=5_000,
    ordinary_events=600,
    lag_seconds=6.0,
    backlog=10_000,
    memory_events=30_000,
    history=(10_000, 300_000),
    single_events=500,
    scale_events=4_000,
)


def full() -> Size:
    """Return the size of `make bench`; BENCH_EVENTS and BENCH_ROWS let the two parts that take longest do with less."""
    rows = int(os.environ.get("BENCH_ROWS", "10000000"))
    return Size(
        rounds=3,
        accept_seconds=4.0,
        accept_events=80_000,
        apply_events=40_000,
        ordinary_events=6_000,
        lag_seconds=30.0,
        backlog=100_000,
        memory_events=int(os.environ.get("BENCH_EVENTS", "1000000")),
        history=tuple(most for most in (10_000, 1_000_000, 10_000_000) if most <= rows),
        single_events=2_000,
        scale_events=20_000,
    )
