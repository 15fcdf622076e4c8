"""Coverage-guided fuzzing, as `make fuzz` does it, for a moment."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for this Python")

ROOT = Path(__file__).parents[2]
RUNS = 3000


def test_targets_hold_for_some_thousand_inputs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "each", f"--runs={RUNS}", "--seed=1"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert (done.returncode, f"Done {RUNS} runs" in done.stderr) == (0, True), done.stderr[-3000:]
