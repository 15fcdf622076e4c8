"""`python -m tests.run`: everything in the foreground, until Ctrl-C."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from config.settings import SettingsError
from tests.embedded.server_process import ServerNotStarted
from tests.run.errors import CannotRun
from tests.run.procfile import ROOT
from tests.run.run import run

_INTERRUPTED = 130  # as shells say it

_DESCRIPTION = """\
Run all process types of the Procfile in the foreground, on embedded parts where no setting names others: SQLite
without DATABASE_URL, Redis without REDIS_URL, fake Stripe without STRIPE_SECRET_KEY. Then play one customer's story
through fake Stripe's webhooks and show each event's way. Embedded parts begin empty each time: whatever an earlier
run left in the directory is removed. All output of the processes is in its folder log/."""


def main() -> int:
    """Return the exit code: 0 when all went well, 1 with the reason printed, 130 when interrupted in the middle."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return run(options.var, once=options.once)
    except (CannotRun, SettingsError, ServerNotStarted) as error:
        sys.stdout.flush()
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: everything stops in seconds, and a second Ctrl-C would only disturb that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description=_DESCRIPTION)
    parser.add_argument("--once", action="store_true", help="stop after the story; exit 0 if nothing was lost")
    parser.add_argument("--var", type=Path, default=ROOT / "var", metavar="DIR", help="where to keep files (var/)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
