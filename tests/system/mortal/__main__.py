import os
import sys
import time

import time_machine

from tests.system.mortal.processes import CLOCK


def main(program: str) -> None:
    """Run `web`, `worker` or `beat` as the Procfile does, with its boundaries and, if told so, with a wrong clock."""
    if off := float(os.environ.get(CLOCK, "0")):
        time_machine.travel(time.time() + off, tick=True).start()
    from tests.system.mortal import boundaries, protections  # noqa: PLC0415  (not before the clock is wrong)

    boundaries.install()
    protections.remove_named()
    if program == "web":
        from ingest.__main__ import main as serve  # noqa: PLC0415  (the same)

        serve()
    else:
        from celery.bin.celery import main as celery  # noqa: PLC0415  (the same)

        sys.argv = ["celery", "-A", "workers.app", *sys.argv[1:]]
        celery()


if __name__ == "__main__":
    main(sys.argv[1])
