"""A part on real processes, with so few events that it takes seconds: what it measures is no measure."""

import os
from dataclasses import replace

import pytest

from tests.bench.bench import Bench
from tests.bench.findings import FIGURES
from tests.bench.parts import apply
from tests.bench.size import QUICK
from tests.run.environment import export_surroundings

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts so many processes slowly

TINY = replace(
    QUICK,
    rounds=1,
    accept_seconds=0.3,
    accept_events=2000,
    apply_events=300,
    ordinary_events=30,
    lag_seconds=1.0,
)


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    export_surroundings()


def test_applying_is_measured_and_every_accepted_event_is_on_record() -> None:
    found = apply.measure(Bench(TINY))
    assert not found.problems
    assert found.figures.keys() == {"apply_per_s", "apply_of_ordinary"} <= set(FIGURES)
    assert all(value > 0 for value in found.figures.values())
    assert "| ---" in "".join(found.text)
