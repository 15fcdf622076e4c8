"""A backlog: what the workers do at full rate when everything waits for them, and what that does to their memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from tests.bench.bench import Bench
from tests.bench.corpus import customers_for, events_of
from tests.bench.findings import Findings, Goal, Table
from tests.bench.memory_of import resident
from tests.bench.stage import Stage
from tests.bench.systems import drained_per_s, ours
from tests.embedded.server_process import ServerProcess

# Only when each of its threads has had several of the largest batches has a worker the memory that it needs.
WARM_UP = 30_000
GROWTH = 1.10


def measure(bench: Bench) -> Findings:
    """Let a backlog pile up before a worker that is warm, and then let it drain."""
    size, found = bench.size.backlog, Findings()
    with Stage() as stage:
        customers = customers_for(WARM_UP + size)
        with ours(stage, stage.billing_database(customers)) as system:
            events = events_of(range(1, customers + 1))
            drained_per_s(system, list(islice(events, WARM_UP)))
            before = resident(system.workers)
            with _peak(system.workers) as peak, bench.measuring():
                per_s = drained_per_s(system, list(islice(events, size)))
            after = resident(system.workers)
    bench.say(f"backlog: {per_s:.0f}/s")
    row = (f"{size:,}", f"{per_s:,.0f}", f"{before:.0f}", f"{max(peak):.0f}", f"{after:.0f}")
    header = ("events waiting", "drained per s", "worker's memory before, MiB", "at most", "after")
    found.text.append(Table(header, [row]).markdown())
    found.goals.append(
        Goal(
            "a backlog of 100,000 drains without growth of worker memory",
            f"{size:,} at {per_s:,.0f}/s, {before:.0f} → {after:.0f} MiB",
            after <= before * GROWTH,
        )
    )
    return found


@contextmanager
def _peak(servers: Sequence[ServerProcess]) -> Iterator[list[float]]:
    """Look at the memory every half second."""
    seen, over = list[float](), threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            seen.append(resident(servers))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.append(resident(servers))
