"""`make soak SECONDS=N`: trials until the time is up, from a printed seed, on SQLite and PostgreSQL in turn."""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import migrations
from billing_core.database import Database, create_engine_for
from tests.convergence.trial import run_trial
from tests.embedded.postgres_server import PostgresServer

STEPS = 40


def main() -> int:
    """Return 1 if any history diverged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed={options.seed}", flush=True)
    with PostgresServer() as server, tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / 'soak.db'}", server.create_database("soak")]
        return _soak([_opened(url) for url in urls], options.seed, time.monotonic() + options.seconds)


def _soak(databases: list[Database], seed: int, deadline: float) -> int:
    histories = events = divergences = 0
    while time.monotonic() < deadline:
        trial = run_trial(Random(seed + histories), databases[histories % len(databases)], STEPS)
        if trial.differences:
            print(f"history {seed + histories}:", *trial.differences, sep="\n  ", flush=True)
        histories += 1
        events += trial.events
        divergences += bool(trial.differences)
    print(f"histories={histories} events={events} divergences={divergences}")
    return 1 if divergences else 0


def _opened(url: str) -> Database:
    migrations.upgrade(url)
    return Database(create_engine_for(url, pool_size=4))


if __name__ == "__main__":
    sys.exit(main())
