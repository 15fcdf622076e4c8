"""Task events, which Flower listens to: what they cost a worker, in its own time on the processor."""

from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median

from billing_core.envelope import BODY_IDS, SHOWN_IDS, MessageTemplate
from billing_core.inbox import Keys
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.bench.bench import Bench
from tests.bench.corpus import Posted, customers_for, events_of
from tests.bench.findings import Findings, Table
from tests.bench.machine import spent
from tests.bench.stage import PREFIX, Stage
from tests.bench.systems import System, ours, pile_up, work_off

WARM_UP = 1_000

Taken = dict[bool, list[tuple[float, float]]]


def measure(bench: Bench) -> Findings:
    """Let a worker drain backlogs of both kinds of messages, with task events and without, in turns."""
    taken: Taken = {False: [], True: []}
    for turn in range(bench.size.rounds):
        for on in (False, True) if turn % 2 else (True, False):
            taken[on].append(_turn(bench, on=on))
            alone, together = taken[on][-1]
            bench.say(f"task events {'on' if on else 'off'}: {alone:.0f} µs an event alone, {together:.0f} in batches")
    header = ("worker's time on the processor for an event, µs", "one a message", "a hundred a message")
    return Findings(text=[Table(header, _rows(taken)).markdown()])


def _turn(bench: Bench, *, on: bool) -> tuple[float, float]:
    alone, together = bench.size.single_events, bench.size.scale_events
    customers = customers_for(WARM_UP + alone + together)
    settings = {"BILLING_TASK_EVENTS": str(on).lower()}
    with Stage() as stage, ours(stage, stage.billing_database(customers), settings=settings) as system:
        events = events_of(range(1, customers + 1))
        _time(system, list(islice(events, WARM_UP)))
        with bench.measuring():  # not the ends of processes, whose time would be taken for others'
            singly = _time(system, list(islice(events, alone)), lambda: _part(stage))
            return singly, _time(system, list(islice(events, together)))


def _time(system: System, events: Sequence[Posted], prepare: Callable[[], None] = lambda: None) -> float:
    """Let the events wait before the worker drains them; return µs of the worker's for each."""
    (worker,) = system.workers
    pile_up(system, events)
    prepare()
    before = spent(worker.tree())
    work_off(system)
    return (spent(worker.tree()) - before) / len(events) * 1e6


def _part(stage: Stage) -> None:
    """Give each event that waits a message of its own, as under light load."""
    template, keys = MessageTemplate(create_celery(Settings(env="test"))), Keys(PREFIX)
    for family in Family:
        event_ids = [one.decode() for one in stage.redis.zrange(keys.inbox(family), 0, -1)]
        pipeline = stage.redis.pipeline(transaction=False).delete(keys.queue(family))
        for one in event_ids:
            message = template.message(family).replace(BODY_IDS, one).replace(SHOWN_IDS, one)
            pipeline.lpush(keys.queue(family), message)
        pipeline.execute()


def _rows(taken: Taken) -> list[tuple[str, ...]]:
    medians = {on: [median(column) for column in zip(*turns, strict=True)] for on, turns in taken.items()}
    more = [on - off for on, off in zip(medians[True], medians[False], strict=True)]
    named = (("task events off", medians[False]), ("on", medians[True]), ("more", more))
    return [(name, *(f"{value:,.0f}" for value in values)) for name, values in named]
