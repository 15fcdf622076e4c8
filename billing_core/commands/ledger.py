"""The ledger of commands: on record before anything is done, once for each idempotency key."""

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.commands.arguments import (
    CancelSubscription,
    CommandArguments,
    CreateSubscription,
    RefundInvoice,
    UpdateSubscription,
    read_arguments,
)
from billing_core.commands.command import Command, CommandStatus, InvalidArguments, KeyReused
from billing_core.database import Database
from billing_core.models import BillingCommand, Invoice, Subscription, User
from billing_core.models.declarative import utc_now
from billing_core.retry import named_database_errors, retry_blips

LONGEST_TEXT = 255  # of a key and of a subject, as their columns; SQL Server counts an emoji as two
_ALPHABET = string.ascii_letters + string.digits


class Commands:
    """What was asked for, and where it stands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str | None, subject: str
    ) -> tuple[Command, bool]:
        """Put a command on record, for a worker to run.

        Args:
            name: of the command.
            arguments: as its class in `arguments` takes them.
            idempotency_key: the caller's; without one, each call is a command of its own.
            subject: who asks.

        Returns:
            The command, and whether it is new: the same key again returns the command that it was first used for.

        Raises:
            InvalidArguments: the arguments are wrong; nothing is on record.
            KeyReused: the key was first used for another command.
            DatabaseUnavailable: nothing is known to be on record.
        """
        key = _checked("idempotency_key", idempotency_key) if idempotency_key is not None else f"auto-{uuid4()}"
        checked = read_arguments(name, arguments)
        asked = _new(name, checked.model_dump(mode="json"), key, _checked("subject", subject))
        found = self._known_or_concerned(asked, checked)
        return (found, False) if isinstance(found, Command) else self._record(asked | found)

    def refuse(self, name: str, code: str, problems: Sequence[str], *, idempotency_key: str, subject: str) -> Command:
        """Put on record that a command was refused before it was one; its arguments are not kept, whatever they were.

        Args:
            name: of the command.
            code: why, in a word.
            problems: why, in sentences of ours.
            idempotency_key: one that no other command has.
            subject: who asked.
        """
        key = _checked("idempotency_key", idempotency_key)
        error = {
            "code": code,
            "decline_code": None,
            "param": None,
            "message": "; ".join(problems),
            "next_step": "correct_the_request",
            "request_id": None,
        }
        finished = {"status": CommandStatus.REFUSED, "error": error, "finished_at": utc_now()}
        return self._record(_new(name, {}, key, "".join(filter(str.isprintable, subject))) | finished)[0]

    def find(self, command_id: str) -> Command | None:
        """Return the command of that ID."""
        with named_database_errors(), self._database.read() as session:
            row = session.scalar(select(BillingCommand).where(BillingCommand.command_id == command_id))
            return as_command(row) if row else None

    @retry_blips
    def _known_or_concerned(
        self, asked: Mapping[str, Any], arguments: CommandArguments
    ) -> Command | dict[str, int | None]:
        """Return the command that the key is already of; else the rows of ours that the new one is about."""
        with named_database_errors(), self._database.read() as session:
            return _of_key(session, asked) or _concerned(session, arguments)

    @retry_blips
    def _record(self, values: dict[str, Any]) -> tuple[Command, bool]:
        """Insert the row; where another caller was faster with the same key (RaceLost), the next try finds its row."""
        with named_database_errors(), self._database.write() as session:
            if known := _of_key(session, values):
                return known, False
            row = BillingCommand(**values)
            session.add(row)
            session.flush()
            return as_command(row), True


def as_command(row: BillingCommand) -> Command:
    """Return a row as callers see it."""
    values = {field.name: getattr(row, field.name) for field in fields(Command)}
    return Command(**values | {"status": CommandStatus(row.status)})


def _new(name: str, arguments: dict[str, Any], key: str, subject: str) -> dict[str, Any]:
    now = utc_now()
    return {
        "command_id": "cmd_" + "".join(secrets.choice(_ALPHABET) for _ in range(24)),
        "name": name,
        "subject": subject,
        "idempotency_key": key,
        "arguments": arguments,
        "status": CommandStatus.PENDING,
        "attempts": 0,
        "due_at": now,
        "revision": 1,
        "created_at": now,
        "updated_at": now,
    }


def _of_key(session: Session, asked: Mapping[str, Any]) -> Command | None:
    """Return the command that the key was first used for, if this is the same one."""
    row = session.scalar(select(BillingCommand).where(BillingCommand.idempotency_key == asked["idempotency_key"]))
    if row is None:
        return None
    # A stranger must not learn from a guessed key what somebody else asked for.
    if any(getattr(row, name) != asked[name] for name in ("name", "arguments", "subject")):
        raise KeyReused("the idempotency key was first used for another command")
    return as_command(row)


def _concerned(session: Session, arguments: CommandArguments) -> dict[str, int | None]:
    """Return the rows of ours that the command is about, as far as we hold them.

    Raises:
        InvalidArguments: it is about a user, or an ID of ours, that there is not.
    """
    match arguments:
        case CreateSubscription():
            if session.get(User, arguments.user_id) is None:
                raise InvalidArguments(["user_id: there is no such user"])
            return {"user_id": arguments.user_id}
        case UpdateSubscription() | CancelSubscription():
            return _concerned_subscription(session, arguments.subscription_id)
        case RefundInvoice():
            return _concerned_invoice(session, arguments.invoice_id)


def _concerned_subscription(session: Session, asked: int | str) -> dict[str, int | None]:
    key = Subscription.subscription_id if isinstance(asked, int) else Subscription.stripe_subscription_id
    row = session.scalar(select(Subscription).where(key == asked))
    if row:
        return {"subscription_id": row.subscription_id, "user_id": row.user_id}
    if isinstance(asked, int):
        raise InvalidArguments(["subscription_id: there is no such subscription"])
    return {}


def _concerned_invoice(session: Session, asked: int | str) -> dict[str, int | None]:
    key = Invoice.invoice_id if isinstance(asked, int) else Invoice.stripe_invoice_id
    row = session.scalar(select(Invoice).where(key == asked))
    if row:
        return {"invoice_id": row.invoice_id, "subscription_id": row.subscription_id, "user_id": row.user_id}
    if isinstance(asked, int):
        raise InvalidArguments(["invoice_id: there is no such invoice"])
    return {}


def _checked(name: str, text: object) -> str:
    if not isinstance(text, str) or not text.isprintable() or not 1 <= _utf16_length(text) <= LONGEST_TEXT:
        raise InvalidArguments([f"{name}: 1 to {LONGEST_TEXT} printable characters"])
    return text


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
