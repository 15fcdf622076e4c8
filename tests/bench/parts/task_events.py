"""Task events, which Flower listens to: what they cost a worker, in its own processor time, whatever else the machine does."""

from collections.abc import Sequence
from itertools import islice
from statistics import median

import psutil

from tests.bench.bench import Bench
from tests.bench.corpus import Posted, customers_for, events_of
from tests.bench.findings import Findings, Table
from tests.bench.stage import Stage
from tests.bench.systems import System, drained_per_s, ours, post_and_apply

WARM_UP = 1_000
PER_S = 100.0  # so few that each event comes alone


def measure(bench: Bench) -> Findings:
    """Let a worker apply single events, then a backlog in batches, with task events and without, in turns."""
    alone, together = bench.size.single_events, bench.size.scale_events
    taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for turn in range(bench.size.rounds):
        for on in (True, False) if turn % 2 else (False, True):
            with Stage() as stage, bench.measuring():
                taken[on].append(_turn(stage, alone, together, on=on))
            bench.say(
                f"task events {'on' if on else 'off'}: {taken[on][-1][0]:.0f} and {taken[on][-1][1]:.0f} µs an event"
            )
    rows = [_row(on, taken[on]) for on in (False, True)]
    rows.append(
        (
            "they cost",
            *(
                f"{median(on) - median(off):,.0f}"
                for on, off in zip(*map(_columns, (taken[True], taken[False])), strict=True)
            ),
        )
    )
    header = ("worker's processor time for an event, µs", "one a message", "a hundred a message")
    return Findings(text=[Table(header, rows).markdown()])


def _turn(stage: Stage, alone: int, together: int, *, on: bool) -> tuple[float, float]:
    customers = customers_for(WARM_UP + alone + together)
    settings = {"BILLING_TASK_EVENTS": str(on).lower()}
    with ours(stage, stage.billing_database(customers), settings=settings) as system:
        events = events_of(range(1, customers + 1))
        drained_per_s(system, list(islice(events, WARM_UP)))
        one_by_one = _time(system, list(islice(events, alone)), at_once=False)
        return one_by_one, _time(system, list(islice(events, together)), at_once=True)


def _time(system: System, events: Sequence[Posted], *, at_once: bool) -> float:
    """Return µs of the worker's for each event."""
    before = _spent(system)
    if at_once:
        drained_per_s(system, events)
    else:
        post_and_apply(system, events, PER_S)
    return (_spent(system) - before) / len(events) * 1e6


def _spent(system: System) -> float:
    times = [psutil.Process(worker.pid).cpu_times() for worker in system.workers]
    return sum(one.user + one.system for one in times)


def _columns(taken: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [alone for alone, _ in taken], [together for _, together in taken]


def _row(on: bool, taken: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    return ("task events on" if on else "off", *(f"{median(column):,.0f}" for column in _columns(taken)))
