"""What is measured, each as a process of its own: the contenders, and ours as the Procfile starts it."""

import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from celery import Celery

from tests.embedded.server_process import ServerProcess
from tests.run.procfile import read_procfile, shell_command


class Contender(ServerProcess):
    """One of `tests.bench.contenders`, on a free port."""

    def __init__(self, directory: Path, name: str, environment: Mapping[str, str]) -> None:
        super().__init__(directory, environment=environment)
        self._name = name

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.contenders", self._name, "--port", str(self.port)]

    def _answers(self) -> bool:
        return _answers(self.port)


class Web(ServerProcess):
    """The Procfile's `web`."""

    def _command(self) -> list[str]:
        self.environment = {**(self.environment or {}), "PORT": str(self.port)}
        return shell_command(read_procfile()["web"])

    def _answers(self) -> bool:
        return _answers(self.port)


class CeleryProcess(ServerProcess):
    """A Celery program, which tells in its log when it is ready."""

    def __init__(self, directory: Path, command: str, environment: Mapping[str, str], ready: bytes = b"ready.") -> None:
        super().__init__(directory, environment=environment)
        self._shell_command = command
        self._ready = ready

    def _command(self) -> list[str]:
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        return shell_command(self._shell_command)

    def _answers(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return self._ready in log.read()


def worker(directory: Path, environment: Mapping[str, str]) -> CeleryProcess:
    """Make one of the Procfile's workers."""
    return CeleryProcess(directory, read_procfile()["worker"], environment)


def beat(directory: Path, environment: Mapping[str, str]) -> CeleryProcess:
    """Make the Procfile's schedule."""
    return CeleryProcess(directory, read_procfile()["beat"], environment, b"beat: Starting")


class OrdinaryWorker(ServerProcess):
    """The ordinary stack's worker, with Celery's own defaults: a process for each core, each prefetching four."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        super().__init__(directory, environment=environment)
        self._celery = Celery(broker=environment["REDIS_URL"])

    def _command(self) -> list[str]:
        return shell_command("celery -A tests.bench.contenders.ordinary worker")

    def _answers(self) -> bool:
        return bool(self._celery.control.ping(timeout=0.2))


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)  # httpx would take 30 ms for each look
    try:
        connection.request("GET", "/livez")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True
