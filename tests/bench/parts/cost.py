"""Cost: the processors' time and the room that an event takes; docs/scaling.md is calculated from it."""

from collections.abc import Mapping, Sequence
from itertools import islice, pairwise

from tests.bench.bench import Bench
from tests.bench.corpus import customers_for, events_of
from tests.bench.findings import Findings, Table
from tests.bench.machine import spent
from tests.bench.memory_of import MIB, used
from tests.bench.stage import Stage
from tests.bench.systems import ours, pile_up, post_and_apply, work_off
from tests.embedded.server_process import ServerProcess

WARM_UP = 1_000
HEADER = ("processors' time for an event, µs", "accepting it", "applying it")


def measure(bench: Bench) -> Findings:
    """Accept events while the worker stands still, then let it apply them, and look what each has spent."""
    count = bench.size.scale_events
    customers = customers_for(WARM_UP + count)
    with Stage() as stage, ours(stage, stage.billing_database(customers)) as system:
        (worker,) = system.workers
        servers = {"web": system.web, "worker": worker, "Redis": stage.redis_server, "PostgreSQL": stage.postgres}
        events = events_of(range(1, customers + 1))
        post_and_apply(system, list(islice(events, WARM_UP)))
        backlog = list(islice(events, count))
        room, disk = used(stage.redis), system.commits.size()
        with bench.measuring():
            began = _spent(servers)
            pile_up(system, backlog)
            accepted, waiting = _spent(servers), used(stage.redis)
            work_off(system)
            applied = _spent(servers)
        kept, grown = used(stage.redis), system.commits.size()
    found = Findings(text=[Table(HEADER, _rows((began, accepted, applied), count)).markdown()])
    found.text.append(
        f"An event takes {(waiting - room) * MIB / count:,.0f} bytes in Redis while it waits and "
        f"{(kept - room) * MIB / count:,.0f} afterwards, and {(grown - disk) / count:,.0f} in PostgreSQL, with its "
        "share of the rows of what it is about and of all indexes."
    )
    return found


def _rows(moments: Sequence[Mapping[str, float]], count: int) -> list[tuple[str, ...]]:
    steps = list(pairwise(moments))
    return [(name, *(f"{(end[name] - begin[name]) / count * 1e6:.0f}" for begin, end in steps)) for name in moments[0]]


def _spent(servers: Mapping[str, ServerProcess]) -> dict[str, float]:
    """Return the processors' time that each had until now, in seconds."""
    return {name: spent(server.tree()) for name, server in servers.items()}
