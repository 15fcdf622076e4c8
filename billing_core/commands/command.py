"""A command: what somebody asked us to do at Stripe, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing_core.errors import NeverRetry


class CommandStatus(StrEnum):
    """Where a command stands."""

    PENDING = "pending"  # on record; waits for its first or its next attempt
    RUNNING = "running"  # a worker has it
    SUCCEEDED = "succeeded"
    DECLINED = "declined"  # the bank said no: a result, not an error
    REFUSED = "refused"  # the request is wrong, and stays wrong
    FAILED = "failed"  # an error of ours, or nobody can tell any more what became of it

    @property
    def final(self) -> bool:
        """Whether nothing will change it again."""
        return self not in {CommandStatus.PENDING, CommandStatus.RUNNING}


@dataclass(frozen=True)
class Command:
    """A row of BillingCommands.

    Attributes:
        command_id: `cmd_` and 24 characters.
        name: of the command, `create_subscription` for instance.
        arguments: checked and complete, in JSON's types.
        subject: who asked.
        idempotency_key: the caller's, or one that we made.
        status: where it stands.
        result: IDs and statuses, once it succeeded or was declined; `next_step` says if the customer has to act.
        error: `code`, `decline_code`, `param`, `message` (ours), `next_step` and `request_id`.
        attempts: how often a worker took it up.
        created_at: when it was asked for.
        updated_at: when its row was last written.
        finished_at: when it reached its last status.
        stripe_request_id: of the last call to Stripe.
        subscription_id: our row that it concerns, once known; as with `invoice_id` and `user_id`.
        invoice_id: our row that it concerns.
        user_id: whom it concerns.
    """

    command_id: str
    name: str
    arguments: dict[str, Any]
    subject: str
    idempotency_key: str
    status: CommandStatus
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    stripe_request_id: str | None
    subscription_id: int | None
    invoice_id: int | None
    user_id: int | None


class InvalidArguments(NeverRetry):
    """The arguments are not what the command takes. `problems` names each, without repeating a value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class KeyReused(NeverRetry):
    """The idempotency key belongs to another command: another name, other arguments, or of somebody else."""
