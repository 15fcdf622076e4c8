"""`python -m tests.run` as a person runs it, watched from outside."""

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.settings import VARIABLES
from tests.run.procfile import ROOT

_MARK = "TEST_RUN_MARK"
_GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class Running:
    """A run in a directory of its own. Every process that it starts, however deep, inherits a mark."""

    def __init__(self, var: Path, output: Path, *arguments: str, settings: Mapping[str, str | int]) -> None:
        self.var = var
        self._output = output
        self._mark = uuid.uuid4().hex
        clean = {name: value for name, value in os.environ.items() if name not in VARIABLES.values()}
        environment = {**clean, _MARK: self._mark, **{name: str(value) for name, value in settings.items()}}
        with output.open("wb") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.run", "--var", str(var), *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def wait_for(self, text: str, timeout: float = 180) -> None:
        """Return when the text was printed."""

        def printed() -> bool:
            assert text in self.output or self.process.poll() is None, self.output
            return text in self.output

        wait_until(printed, timeout, lambda: self.output)

    def living(self) -> list[psutil.Process]:
        """Return every process that was started by this run, by whatever parent, and still lives."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def named(self, *words: str) -> list[psutil.Process]:
        """Return those of them whose command line has these words."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [process for process in self.living() if set(words) <= set(process.cmdline())]
        return []

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            # Valkey writes its title over its environment; but it works in its data's directory.
            marked = process.environ().get(_MARK) == self._mark or Path(process.cwd()).is_relative_to(self.var)
            return marked and process.status() not in _GONE
        except psutil.Error:
            return False


@contextmanager
def running(directory: Path, *arguments: str, settings: Mapping[str, str | int]) -> Iterator[Running]:
    """Start a run; whatever the test did to it, nothing of it is left at the end."""
    run = Running(directory / "var", directory / "output", *arguments, settings=settings)
    try:
        yield run
    finally:
        for process in run.living():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        run.process.wait(10)


def wait_until(condition: Callable[[], object], timeout: float, explain: Callable[[], object] = str) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {explain()}"
        time.sleep(0.05)
