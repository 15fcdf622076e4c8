"""A process that could not speak to its SQL Server does not start: it says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.deliveries import SECRET

ROOT = Path(__file__).parents[3]
MISSING = 'raise ImportError("libodbc.so.2: cannot open shared object file: No such file or directory")'


@pytest.mark.parametrize(
    "process",
    [
        ["-m", "ingest"],
        ["-m", "celery", "-A", "workers.app", "report"],
        ["-c", "from billing_core.cli import main; main()", "status"],
    ],
    ids=["ingest", "worker", "cli"],
)
def test_process_on_a_machine_without_unixodbc_ends_with_one_line(tmp_path: Path, process: list[str]) -> None:
    (tmp_path / "pyodbc.py").write_text(MISSING)
    url = "mssql+pyodbc://billing:secret@127.0.0.1/platform"
    environment = {"DATABASE_URL": url, "STRIPE_WEBHOOK_SECRET": SECRET, "PYTHONPATH": str(tmp_path)}
    program = [sys.executable, *process]
    done = subprocess.run(
        program, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("pyodbc cannot be loaded (libodbc.so.2: cannot open")
    assert "apt-get install unixodbc" in line
    assert "secret" not in line
