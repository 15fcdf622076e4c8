import re
from pathlib import Path

from tests.run.errors import CannotRun

ROOT = Path(__file__).parents[2]
PROCFILE = ROOT / "Procfile"

# The process type that runs once, to its end, before all others. https://devcenter.heroku.com/articles/release-phase
RELEASE = "release"

_LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>\S.*)")


def read_procfile(path: Path = PROCFILE) -> dict[str, str]:
    """Return the command of each process type, in the order of the file, which is the only list of them.

    Raises:
        CannotRun: a line is neither `type: command` nor a comment.
    """
    processes = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise CannotRun(f"{path}:{number}: not of the form `type: command`: {text}")
        processes[match["name"]] = match["command"]
    return processes


def shell_command(command: str) -> list[str]:
    """Return how a Procfile's command is run: by the shell, which it then replaces, so that signals reach it."""
    return ["/bin/sh", "-c", f"exec {command}"]
