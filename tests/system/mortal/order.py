"""The order to die: one line `<boundary>` or `<boundary> <step>` in a file that the environment names."""

import os
import signal
import time
from pathlib import Path

VARIABLE = "DIE_AT"


def die_at(boundary: str, after: float = 0) -> None:
    """End here, so many seconds later, if that is the order.

    It holds for one life, also where several processes read it at once.
    """
    path = Path(os.environ[VARIABLE])
    try:
        if path.read_text() == boundary:
            path.unlink()
            time.sleep(after)
            os.kill(os.getpid(), signal.SIGKILL)
    except FileNotFoundError:  # no order, or somebody else was faster
        return


class Order:
    """The file, from the side of who gives the order."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "die_at"

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.path)}

    def give(self, boundary: str) -> None:
        # Whole or not at all: a process may read at any moment.
        written = self.path.with_suffix(".new")
        written.write_text(boundary)
        written.rename(self.path)

    @property
    def waiting(self) -> bool:
        """Whether nobody has died of it yet."""
        return self.path.exists()

    def take_back(self) -> None:
        self.path.unlink(missing_ok=True)
