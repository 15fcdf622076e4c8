"""The boundaries of both paths: between which two things can a process die? Each wraps one real function."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from celery.beat import Scheduler
from sqlalchemy.orm import Session

from billing_core import process
from billing_core.adoption import adopt_once_more as _adopt_once_more
from billing_core.apply import apply_facts as _apply_facts
from billing_core.commands import Command, Commands
from billing_core.commands.outcome import Outcome
from billing_core.commands.work import Work
from billing_core.database import Database
from billing_core.facts import Fact
from billing_core.inbox import AcceptedEvent, AcceptingInbox, ClaimedEvent, WorkingInbox
from billing_core.links import Parents
from billing_core.stripe_api import Fetched, StripeApi
from config.queues import Family
from tests.system.mortal.order import die_at
from workers.transport import GuardedChannel

_accept = AcceptingInbox.accept
_append = GuardedChannel.QoS.append
_claim, _settle, _postpone = WorkingInbox.claim, WorkingInbox.settle, WorkingInbox.postpone
_sweep = WorkingInbox.sweep
_submit = Commands.submit
_call, _save, _finish = Work.call, Work.save, Work.finish
_write = StripeApi.write
_apply_async = Scheduler.apply_async


async def accept(inbox: AcceptingInbox, events: Sequence[AcceptedEvent]) -> list[bool]:
    die_at("before_accept")
    answers = await _accept(inbox, events)
    die_at("after_accept")
    return answers


def append(qos: Any, message: Any, delivery_tag: str) -> None:
    """A message has left its list, and nobody has looked at it yet."""
    die_at("after_take")
    _append(qos, message, delivery_tag)


def claim(inbox: WorkingInbox, event_ids: Sequence[str]) -> list[ClaimedEvent]:
    claimed = _claim(inbox, event_ids)
    if claimed:
        die_at("after_claim")
    return claimed


def apply_facts(session: Session, facts: Sequence[Fact], app: str | None = None) -> Any:
    applied = _apply_facts(session, facts, app)
    session.flush()
    die_at("before_event_commit")
    return applied


def adopt_once_more(database: Database, parents: Parents) -> None:
    die_at("before_linking")
    _adopt_once_more(database, parents)


def settle(inbox: WorkingInbox, family: Family, event_ids: Sequence[str]) -> None:
    if event_ids:
        die_at("before_settle")
    _settle(inbox, family, event_ids)
    if event_ids:
        die_at("after_settle")


def postpone(inbox: WorkingInbox, family: Family, event_ids: Sequence[str]) -> None:
    _postpone(inbox, family, event_ids)
    die_at("before_retry")


def sweep(inbox: WorkingInbox, *args: Any) -> list[str]:
    stranded = _sweep(inbox, *args)
    die_at("after_sweep")
    return stranded


def apply_async(scheduler: Scheduler, *args: Any, **options: Any) -> Any:
    die_at("before_beat")
    return _apply_async(scheduler, *args, **options)


def submit(commands: Commands, *args: Any, **options: Any) -> tuple[Command, bool]:
    die_at("before_record", after=0.3)  # s, in which Celery acknowledges what it acknowledges early
    on_record = _submit(commands, *args, **options)
    die_at("after_record")
    return on_record


class _Step(threading.local):
    """The step that is being done: a thread does one command at a time."""

    name = ""


_step = _Step()


def call(work: Work, step: str, *rest: Any) -> Fetched:
    _step.name = step
    return _call(work, step, *rest)


def write(api: StripeApi, *args: Any, **options: Any) -> Fetched:
    die_at(f"before_call {_step.name}")
    answer = _write(api, *args, **options)
    die_at(f"after_call {_step.name}")
    return answer


def save(work: Work, session: Session) -> None:
    _save(work, session)
    session.flush()
    die_at(f"before_commit {_step.name}")


def finish(work: Work, session: Session, outcome: Outcome) -> None:
    _finish(work, session, outcome)
    session.flush()
    die_at(f"before_commit {_step.name}")


# Who has the function, and what stands in for it under the function's own name.
WRAPPED: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (AcceptingInbox, "accept", accept),
    (GuardedChannel.QoS, "append", append),
    (WorkingInbox, "claim", claim),
    (WorkingInbox, "settle", settle),
    (WorkingInbox, "postpone", postpone),
    (WorkingInbox, "sweep", sweep),
    (process, "apply_facts", apply_facts),
    (process, "adopt_once_more", adopt_once_more),
    (Commands, "submit", submit),
    (Work, "call", call),
    (Work, "save", save),
    (Work, "finish", finish),
    (StripeApi, "write", write),
    (Scheduler, "apply_async", apply_async),
)


def install() -> None:
    """Replace the functions in this process; call it before anything runs."""
    for owner, name, wrapper in WRAPPED:
        setattr(owner, name, wrapper)
