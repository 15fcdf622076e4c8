"""`make soak SECONDS=N`: trials until the time is up, from a printed seed, on each kind of database in turn."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import migrations
from billing_core.database import Database, create_engine_for
from tests.convergence.trial import run_trial
from tests.embedded.postgres_server import PostgresServer
from tests.sql_server import KIND, given_url
from tests.sql_server.databases import databases_at

STEPS = 40


def main() -> int:
    """Return 1 if any history diverged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed={options.seed}", flush=True)
    with ExitStack() as stack:
        databases = [_opened(url) for url in _urls(stack)]
        try:
            return _soak(databases, options.seed, time.monotonic() + options.seconds)
        finally:
            for database in databases:
                database.dispose()


def _urls(stack: ExitStack) -> Iterator[str]:
    yield f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'soak.db'}"
    yield stack.enter_context(PostgresServer()).create_database("soak")
    if KIND:
        sql_server = stack.enter_context(databases_at(given_url()))
        yield stack.enter_context(sql_server.empty())


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
