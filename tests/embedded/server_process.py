"""What the embedded servers share: a child on a loopback port that can be killed, paused and brought back."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Self

import psutil

from tests.embedded.die_with_parent import Account, command_line
from tests.embedded.ports import free_port

_POLL = 0.02  # s
_GONE = (
    psutil.STATUS_ZOMBIE,
    psutil.STATUS_DEAD,
)  # a grandchild is a zombie until init looks: seconds, in some
_STANDING_STILL = (psutil.STATUS_STOPPED, *_GONE)
_STARTS = 5  # a port was taken meanwhile, or the kernel still holds what a killed predecessor had


class ServerNotStarted(Exception):
    """The server ended, or did not answer in time; the text has the end of its log."""


class ServerNotRunning(Exception):
    """It was never started, or it is stopped or killed."""


class ServerProcess:
    """One server: `with` starts and stops it; port and data stay the same over every restart.

    The child ends when the thread that called `start` ends, so start it from one that lives long enough.
    Signals go to the server and every process below it, by their ids. It has a session of its own:
    Ctrl-C in a terminal reaches us only, and we decide in which order things stop.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self, directory: Path, *, account: Account | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.environment = environment
        self.log = directory / "server.log"
        self._account = account
        self._port: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        """Return the program, by absolute path, and its arguments."""
        raise NotImplementedError

    def _answers(self) -> bool:
        """Whether the server does its work by now; a short wait at most.

        Another server may have taken the port before ours could: make sure that the answer is from ours.
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, chosen at the first start."""
        if self._port is None:
            raise ServerNotRunning("no port was chosen yet")
        return self._port

    @property
    def running(self) -> bool:
        """Whether the server's process exists, be it paused or not."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._child is None or not self.running:
            raise ServerNotRunning(f"see {self.log}")
        return self._child.pid

    def start(self, timeout: float = 60.0) -> None:
        """Return when the server answers, all its data loaded.

        Args:
            timeout: seconds; generous, since a loaded machine with few cores is slow at starting processes.

        Raises:
            ServerNotStarted: it ended by itself several times, or did not answer in time.
        """
        deadline = time.monotonic() + timeout
        keeps_port = self._port is not None
        for attempt in range(_STARTS):
            time.sleep(0.1 * attempt)
            if not keeps_port:
                self._port = free_port()
            self._spawn()
            if self._answers_before(deadline):
                return
            self.kill()
            if time.monotonic() > deadline:
                break
        raise ServerNotStarted(self.log.read_text(errors="replace")[-2000:])

    def stop(self, timeout: float = 15.0) -> None:
        """End the server as its manual says, paused or not; after `timeout` seconds, by force."""
        if self._child is None or not self.running:
            return
        self.resume()
        self._child.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as the kernel does when memory is short. Without effect if it is gone."""
        if self._child is None:
            return
        tree = self.tree()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._child.wait()
        while any(_status(process) not in _GONE for process in tree):
            time.sleep(_POLL)

    def restart(self) -> None:
        """Start again on the same port and data, after a `kill` or instead of a running one."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it with SIGSTOP: connections are still made, by the kernel, but nothing is answered.

        Returns when every process stands still.
        """
        self._signal_until(signal.SIGSTOP, lambda status: status in _STANDING_STILL)

    def resume(self) -> None:
        """Let a paused server go on. Without effect on one that runs."""
        self._signal_until(signal.SIGCONT, lambda status: status != psutil.STATUS_STOPPED)

    def tree(self) -> list[psutil.Process]:
        """Return its processes, the server first: once it stands still or is gone, it starts no others."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except (ServerNotRunning, psutil.NoSuchProcess):
            return []

    def _spawn(self) -> None:
        command = command_line(self._command(), death_signal=self.death_signal, account=self._account)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                cwd=self.directory,  # ours may be closed to the account
                env=None if self.environment is None else {**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers_before(self, deadline: float) -> bool:
        while self.running and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(_POLL)
        return False

    def _signal_until(self, number: signal.Signals, done: Callable[[str], bool]) -> None:
        """Signal the tree again and again: a child may be born while the first signals are on their way."""
        while waiting := [process for process in self.tree() if not done(_status(process))]:
            for process in waiting:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            time.sleep(0.001)


def _status(process: psutil.Process) -> str:
    try:
        return process.status() if process.is_running() else psutil.STATUS_DEAD  # the id may have a new owner
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD
