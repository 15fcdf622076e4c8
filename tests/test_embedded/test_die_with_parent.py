import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.embedded.die_with_parent import command_line

ROOT = Path(__file__).parents[2]

# Starts a child tied to itself, tells its pid, and waits to be killed.
PARENT = """
import signal, subprocess, sys
from tests.embedded.die_with_parent import command_line
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(command_line(sleep, death_signal=signal.SIGTERM))
print(child.pid, flush=True)
child.wait()
"""


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    deadline = time.monotonic() + 10
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(child)


def test_command_keeps_its_pid_its_arguments_and_our_account() -> None:
    program = "import os, sys; print(os.getpid(), os.geteuid(), sys.argv[1])"
    command = command_line([sys.executable, "-c", program, "a b"], death_signal=signal.SIGKILL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.communicate()[0].split(maxsplit=2) == [str(child.pid), str(os.geteuid()), "a b\n"]


def test_command_of_an_orphan_does_not_begin() -> None:
    command = command_line([sys.executable, "-c", "print('begun')"], death_signal=signal.SIGKILL)
    command[4] = str(os.getppid())  # as if another had started it
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""
