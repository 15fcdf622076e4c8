"""A worker whose loop stands still some seconds after it began, while its process and its threads live on.

python tests/system/hanging_worker.py worker …          like `celery -A workers.app worker …`
"""

import sys
import threading
from typing import Any

from celery.__main__ import main
from celery.signals import worker_ready

HANGS_AFTER = 2.0  # s


@worker_ready.connect
def _hang_soon(sender: Any, **_: object) -> None:
    sender.timer.call_after(HANGS_AFTER, threading.Event().wait)


if __name__ == "__main__":
    sys.argv[1:1] = ["-A", "workers.app"]
    main()
