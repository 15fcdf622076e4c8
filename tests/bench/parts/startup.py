"""Start-up: from the command to the first answer of the endpoint, and to a worker that takes messages."""

import time
from statistics import median

from tests.bench.bench import Bench
from tests.bench.findings import Findings, Goal, Table, shown
from tests.bench.processes import Web, worker
from tests.bench.stage import Stage
from tests.embedded.server_process import ServerProcess

ALLOWED = 2.0  # s
TIMES = 3


def measure(bench: Bench) -> Findings:
    """Start each a few times."""
    found = Findings()
    with Stage() as stage:
        environment = stage.environment(stage.billing_database(1))
        made = {"web": Web(stage.folder("web"), environment=environment)}
        servers: dict[str, ServerProcess] = {**made, "worker": worker(stage.folder("worker"), environment)}
        took = {name: median(_start(server) for _ in range(TIMES)) for name, server in servers.items()}
    bench.say(f"start-up: {', '.join(f'{name} {seconds:.2f} s' for name, seconds in took.items())}")
    rows = [(f"`{name}`", shown(seconds)) for name, seconds in took.items()]
    found.text.append(Table(("started from the Procfile", "s until it works"), rows).markdown())
    measured = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items())
    found.goals.append(Goal("start-up under 2 s", measured, max(took.values()) < ALLOWED))
    return found


def _start(server: ServerProcess) -> float:
    began = time.perf_counter()
    with server:
        return time.perf_counter() - began
