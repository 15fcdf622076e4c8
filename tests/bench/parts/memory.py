"""Memory over very many events: of each process, and of Redis with and without its tombstones."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tests.bench.bench import Bench
from tests.bench.corpus import Posted, customers_for, events_of
from tests.bench.findings import Findings, Goal, Table
from tests.bench.memory_of import MIB, bury_tombstones, resident, used
from tests.bench.stage import Stage
from tests.bench.systems import System, ours, post_and_apply

GROWTH = 1.10
SAMPLES = 10
# At most so many wait at a time: a backlog is another part's matter.
CHUNK = 10_000


class Sample(NamedTuple):
    """Memory in MiB after so many events."""

    events: int
    web: float
    worker: float
    beat: float
    redis: float


def measure(bench: Bench) -> Findings:
    """Post chunk after chunk, each when the last one is applied, and look at the memory every tenth of the way."""
    found, share = Findings(), bench.size.memory_events // SAMPLES
    with Stage() as stage:
        customers = customers_for(share * (SAMPLES + 1))
        with ours(stage, stage.billing_database(customers)) as system:
            events = events_of(range(1, customers + 1))
            _post(system, events, share)  # Redis keeps some of the room that many keys once took
            bury_tombstones(stage.redis)
            empty = used(stage.redis)
            samples = list(_samples(bench, stage, system, events))
            tombstones = bury_tombstones(stage.redis)
            left = used(stage.redis)
    each = (samples[-1].redis - left) * MIB / tombstones
    rows = [(f"{sample.events:,}", *(f"{amount:.0f}" for amount in sample[1:])) for sample in samples]
    found.text.append(Table(("events", "web MiB", "worker MiB", "beat MiB", "Redis MiB"), rows).markdown())
    found.text.append(
        f"Redis without tombstones, before the table's first event and after its last: {empty:.1f} and {left:.1f} MiB. "
        f"A tombstone takes {each:.0f} bytes ({tombstones:,} of them)."
    )
    found.goals.append(_goal(samples, empty, left))
    return found


def _samples(bench: Bench, stage: Stage, system: System, events: Iterator[Posted]) -> Iterator[Sample]:
    """Look SAMPLES times, first after the first tenth."""
    share = bench.size.memory_events // SAMPLES
    for sample in range(1, SAMPLES + 1):
        _post(system, events, share)
        seen = Sample(
            sample * share,
            resident([system.web]),
            resident(system.workers),
            resident(system.others),
            used(stage.redis),
        )
        bench.say(f"memory after {seen.events:,} events: worker {seen.worker:.0f} MiB")
        yield seen


def _post(system: System, events: Iterator[Posted], amount: int) -> None:
    for begin in range(0, amount, CHUNK):
        post_and_apply(system, list(islice(events, min(CHUNK, amount - begin))))


def _goal(samples: list[Sample], empty: float, left: float) -> Goal:
    first, last = samples[0], samples[-1]
    grown = {
        "web": last.web / first.web,
        "worker": last.worker / first.worker,
        "Redis without tombstones": left / empty,
    }
    return Goal(
        f"memory within 10 % over {last.events:,} events",
        ", ".join(f"{name} {growth - 1:+.0%}" for name, growth in grown.items()),
        max(grown.values()) <= GROWTH,
    )
