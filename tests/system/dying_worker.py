"""A real worker that kills itself with -9 at one boundary of one step of a command, once, when told to.

Told by a file `die_at` in its directory: `<boundary> <step>`. Boundaries: `before_call` (the step is written down, and
not sent), `after_call` (Stripe has answered, and nothing is written), `before_commit` (all is written, and nothing
committed). Run as `python -m tests.system.dying_worker worker …`, with Celery's own arguments.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from celery.bin.celery import main as celery
from sqlalchemy.orm import Session

from billing_core.commands.outcome import Outcome
from billing_core.commands.work import Work
from billing_core.stripe_api import Fetched, StripeApi

ORDER = Path("die_at")

_call, _write, _save, _finish = Work.call, StripeApi.write, Work.save, Work.finish


def die_at(boundary: str, step: str) -> None:
    """End here if that is the order; it holds for one life."""
    if ORDER.exists() and ORDER.read_text() == f"{boundary} {step}":
        ORDER.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class _Step:
    """The step that is being done: the worker of these tests does one command at a time."""

    name = ""


def call(work: Work, step: str, *rest: Any) -> Fetched:
    _Step.name = step
    return _call(work, step, *rest)


def write(api: StripeApi, *args: Any, **options: Any) -> Fetched:
    die_at("before_call", _Step.name)
    answer = _write(api, *args, **options)
    die_at("after_call", _Step.name)
    return answer


def save(work: Work, session: Session) -> None:
    _save(work, session)
    session.flush()
    die_at("before_commit", _Step.name)


def finish(work: Work, session: Session, outcome: Outcome) -> None:
    _finish(work, session, outcome)
    session.flush()
    die_at("before_commit", _Step.name)


if __name__ == "__main__":
    for owner, function in ((Work, call), (StripeApi, write), (Work, save), (Work, finish)):
        setattr(owner, function.__name__, function)
    sys.argv = ["celery", "-A", "workers.app", *sys.argv[1:]]
    sys.exit(celery())
