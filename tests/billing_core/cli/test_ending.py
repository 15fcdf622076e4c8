"""How the installed command ends when something outside of it ends it, and what a terminal gets."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_core.database import Database
from tests.billing_core.cli.operator import Operation, billing
from tests.building import event_body, invoice

BILLING = str(Path(sys.executable).parent / "billing")


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One kind of database will do: these are processes, which take their time."""
    return sqlite


@pytest.fixture
def events(operation: Operation) -> Operation:
    operation.handle({f"evt_{one}": event_body(invoice(f"in_{one}"), id=f"evt_{one}") for one in range(3)})
    return operation


def test_reader_that_stops_reading_is_no_error(events: Operation) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run([BILLING, "events", "list"], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.usefixtures("operation")
def test_ctrl_c_ends_with_130_and_one_line() -> None:
    # It asks, so it is known where it stands when it is interrupted.
    command = [BILLING, "purge", "--older-than", "1d"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while process.stderr.read(1) != "?":
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().strip().splitlines()[-1] == "interrupted"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_no_color_is_heeded_at_a_terminal(events: Operation, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "200"}
    done = subprocess.run([BILLING, "events", "list"], stdout=theirs, env=environment, check=False)
    os.close(theirs)
    shown = _read(ours)
    assert done.returncode == 0
    assert "evt_1" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)


def _read(terminal: int) -> str:
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return shown.decode()
        if not piece:
            return shown.decode()
        shown += piece


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("billing ev", ["events"]),
        ("billing events list --outcome ", ["applied", "stale", "tie", "parked", "foreign", "dead"]),
        ("billing events replay --type invoice_", ["invoice_payment.paid"]),
        ("billing reconcile --kind re", ["refund"]),
        ("billing events list --cu", ["--customer"]),
    ],
)
def test_completion_offers_what_fits(monkeypatch: pytest.MonkeyPatch, words: str, offered: list[str]) -> None:
    environment = {"_BILLING_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    answer = billing()
    assert (answer.code, answer.out.split()) == (0, offered)


def test_completion_installs_itself_for_the_shell_it_is_asked_from(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", f"{BILLING} --install-completion; true"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bash completion installed" in done.stdout
    [script] = (tmp_path / ".bash_completions").iterdir()
    assert "_BILLING_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
