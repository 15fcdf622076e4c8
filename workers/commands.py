"""The Celery tasks of commands: what a backend service sends by name, and what runs a command that is on record.

Their names and fields are a public interface: docs/schemas/ has a JSON Schema of each.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Reject

from billing_core import metrics
from billing_core.commands import Command, CommandStatus, InvalidArguments, KeyReused
from billing_core.commands.claim import UnknownCommand, stalled
from billing_core.commands.execute import Postponed
from billing_core.commands.queue import enqueue
from billing_core.errors import DatabaseUnavailable, RetryLater
from config.queues import COMMAND_TASKS, COMMANDS_QUEUE, RUN_COMMAND_TASK, SWEEP_COMMANDS_TASK
from workers.app import app
from workers.outage import longest_wait, outlast_outage
from workers.runtime import command_runtime

log = structlog.get_logger()

UNNAMED = "celery"  # who asks, where the sender does not say


@app.task(name=RUN_COMMAND_TASK)
def run_command(command_id: str) -> None:
    """Run a command that is on record."""
    _run(command_id)


@app.task(name=SWEEP_COMMANDS_TASK)
def sweep_commands() -> None:
    """Queue commands again that nobody works on: their message was lost, or their worker died."""
    here = command_runtime()
    try:
        command_ids = stalled(here.database, here.settings.stall_time)
    except RetryLater as error:
        log.warning("commands.sweep_postponed", reason=str(error))
        return
    metrics.SWEEPS.labels("commands").inc()
    for command_id in command_ids:
        enqueue(app, command_id)
        metrics.SWEPT.labels(COMMANDS_QUEUE).inc()
    if command_ids:
        log.warning("commands.requeued", count=len(command_ids), command_ids=command_ids)


def _submit_and_run(task: Task[Any, Any], /, *positional: object, **fields: Any) -> None:
    """Put the command on record and run it. The message is acknowledged once it is on record, or refused there."""
    try:
        command = _on_record(_Sent(task, positional, fields))
    except RetryLater as error:
        # Not by task.retry, which loses the message where publishing the next one fails.
        outlast_outage(command_runtime().database, longest_wait(command_runtime().settings))
        raise Reject(str(error), requeue=True) from error
    if not command.status.final:
        _run(command.command_id)


class _Sent:
    """A command as somebody sent it, well or badly."""

    def __init__(self, task: Task[Any, Any], positional: Sequence[object], fields: dict[str, Any]) -> None:
        self.name = str(task.name).partition(".")[2]
        # A message that is delivered twice is one command, also where the sender gives no key.
        self.own_key = f"celery-{task.request.id}"
        self.key = fields.pop("idempotency_key", None) or self.own_key
        self.subject = fields.pop("subject", None) or UNNAMED
        self.fields = fields
        self.positional = positional

    def submit(self) -> Command:
        """Put it on record.

        Raises:
            InvalidArguments: it is not what the command takes.
            KeyReused: its key is another command's.
        """
        if self.positional:
            raise InvalidArguments(["every argument needs its name"])
        commands = command_runtime().commands
        return commands.submit(self.name, self.fields, idempotency_key=self.key, subject=self.subject)[0]

    def refuse(self, code: str, problems: Sequence[str]) -> Command:
        """Put on record why not, under a key that is surely free and good."""
        refuse = command_runtime().commands.refuse
        return refuse(self.name, code, problems, idempotency_key=self.own_key, subject=str(self.subject)[:255])


def _on_record(sent: _Sent) -> Command:
    try:
        return sent.submit()
    except InvalidArguments as error:
        command = sent.refuse("invalid_arguments", error.problems)
    except KeyReused as error:
        command = sent.refuse("key_reused", [str(error)])
    metrics.COMMANDS.labels(sent.name, command.status).inc()
    log.warning("command.refused", command_id=command.command_id, name=sent.name)
    return command


def _run(command_id: str) -> None:
    here = command_runtime()
    try:
        status = here.executor.run(command_id)
    except Postponed as postponed:
        log.warning("command.postponed", command_id=command_id, seconds=round(postponed.seconds, 1))
        enqueue(app, command_id, postponed.seconds)
    except DatabaseUnavailable as error:
        # The lease holds until it is over; then the sweep queues the command again.
        log.warning("command.stranded", command_id=command_id, reason=str(error))
        outlast_outage(here.database, longest_wait(here.settings))
    except RetryLater as error:
        log.warning("command.stranded", command_id=command_id, reason=str(error))
    except UnknownCommand:
        log.error("command.not_found", command_id=command_id)  # noqa: TRY400  (there is nothing to trace)
    else:
        if status is CommandStatus.RUNNING:
            log.info("command.skipped", command_id=command_id)


for _name in COMMAND_TASKS:
    app.task(name=_name, bind=True, Request="workers.quiet_request:QuietRequest")(_submit_and_run)
