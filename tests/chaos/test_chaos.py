"""The quickest fault of each kind strikes the whole service; `make chaos` has all of them, for longer."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.chaos.database import DATABASES
from tests.chaos.faults import FAULTS, CannotStrike
from tests.chaos.round import RECOVERY, strike
from tests.chaos.stage import Stage
from tests.kinds import SERVERS

LASTING = 2.0  # s
QUICK = (
    "web.after_accept",
    "worker.before_settle",
    "command.after_call.subscription",
    "stop.worker",
    "disk_full.redis",
    "lost.redis_process",
    "lost.queues",
    "lost.redis_flushed",
    "delivery.message_doubled",
)


@pytest.fixture(scope="module", params=SERVERS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all: starting it takes longer than most faults."""
    seed = int(os.environ.get("SEED", "1"))
    directory: Path = tmp_path_factory.mktemp("chaos")
    with Stage(directory, Random(seed), DATABASES[request.param](), lasting=LASTING) as stage:
        yield stage
    assert stage.leaked() == []


@pytest.mark.timeout(60 + 2 * RECOVERY)
@pytest.mark.parametrize("name", QUICK)
def test_all_is_calm_and_equal_to_stripe_after(stage: Stage, name: str) -> None:
    try:
        done = strike(stage, FAULTS[name])
    except CannotStrike as reason:
        pytest.skip(f"{name}: {reason}")
    print(done.line(name))
    assert (done.wrong, done.doubled) == ([], [])
