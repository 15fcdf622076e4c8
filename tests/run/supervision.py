import re
import signal
import sys
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from tests.embedded.server_process import ServerProcess
from tests.run.errors import CannotRun
from tests.run.var_directory import VarDirectory

# All processes together are down, or killed, before this; see supervised.py.
_STOP_TIMEOUT = 6.5  # s

# What supervisord's log says of a process that ended, and of one that it will not try again.
_NEWS = re.compile(r"(?P<what>exited|gave up): (?P<process>\S+) (?P<how>.*)")


class Ended(NamedTuple):
    """A process ended by itself and is being started again; `how` is supervisord's description."""

    process: str
    how: str


class Supervisord(ServerProcess):
    """The Procfile's process types, kept running. It listens nowhere; its log is how it speaks."""

    # It stops its processes when it is told to end, and also when we are gone.
    death_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, var: VarDirectory) -> None:
        super().__init__(var.supervisord)
        self._var = var
        self._read = 0

    def news(self) -> Iterator[Ended]:
        """Yield who ended since the last call.

        Raises:
            CannotRun: a process does not stay up, or supervisord itself ended.
        """
        if not self.running:
            raise CannotRun(f"supervisord ended\n{self._var.last_lines('supervisord')}")
        for match in map(_NEWS.search, self._new_lines()):
            if match is None:
                continue
            if match["what"] == "gave up":
                process = match["process"]
                raise CannotRun(f"{process} does not stay up; {self._var.last_lines(process)}")
            yield Ended(match["process"], match["how"].strip("()"))

    def stop(self, timeout: float = _STOP_TIMEOUT) -> None:
        """End all processes side by side, then supervisord; after `timeout` seconds, by force."""
        super().stop(timeout)

    def _new_lines(self) -> list[str]:
        log = self._var.log("supervisord")
        written = log.read_text(errors="replace") if log.exists() else ""
        complete = written.rfind("\n") + 1
        lines = written[self._read : complete].splitlines()
        self._read = complete
        return lines

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "tests.run.supervised", str(self._var.path)]

    def _answers(self) -> bool:
        log = self._var.log("supervisord")
        return log.exists() and "supervisord started with pid" in log.read_text()
