"""The service's processes in their test build, as `tests.system.service` has them in the released one."""

import sys

from tests.system.service import Beat, Web, Worker

CLOCK = "CLOCK_OFF"  # s by which a process' clock is wrong


def _mortal(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.system.mortal", *arguments]


class MortalWeb(Web):
    """The endpoint."""

    def _command(self) -> list[str]:
        super()._command()
        return _mortal("web")


class MortalWorker(Worker):
    """A worker."""

    def _command(self) -> list[str]:
        super()._command()
        return _mortal(*self.program)


class MortalBeat(Beat):
    """The schedule."""

    def _command(self) -> list[str]:
        super()._command()
        return _mortal(*self.program)
