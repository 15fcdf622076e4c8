"""From a request to a command on record, and from the command to an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from anyio.to_thread import run_sync
from fastapi import Depends, Header
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from billing_core.commands import Command, CommandStatus
from ingest.api.auth import Caller
from ingest.api.errors import CommandDeclined, CommandFailed, CommandRefused
from ingest.api.idempotency import HEADER, IdempotencyKey, key_of, ledger_key
from ingest.api.outcomes import Outcomes
from ingest.api.parts import ApiCaller, ApiParts, Parts
from ingest.api.permissions import require_sellers_consent
from ingest.api.prefer import wait_preference
from ingest.api.rows import Accepted, Row

log = structlog.get_logger()

COMMANDS = "/api/billing/commands"
COMMAND_HEADER = "Billing-Command-Id"

_UNFULFILLED = {
    CommandStatus.DECLINED: CommandDeclined,
    CommandStatus.REFUSED: CommandRefused,
    CommandStatus.FAILED: CommandFailed,
}

Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description="`wait=N`: answer with the outcome when it is there within N seconds, at most 30 (RFC 7240)",
        examples=["wait=10"],
    ),
]


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """How a command's success is answered: the row, read from the database, and its address if it has one."""

    status: int
    read: Callable[[Session, Command], Row | None]
    location: Callable[[Command], str] | None = None


class Submission:
    """One request's command: submitted under its key, answered 202, or with its outcome if that is preferred."""

    def __init__(
        self, request: Request, parts: ApiParts, caller: ApiCaller, key: IdempotencyKey = None, _prefer: Prefer = None
    ) -> None:
        self.parts: Parts = parts
        self.caller: Caller = caller
        self._request = request
        self._key = key_of(key)
        # Not the argument: the header may come several times.
        self._wait = wait_preference(request.headers.getlist("prefer"))
        self._outcomes: Outcomes = request.app.state.billing_outcomes

    async def answer(self, name: str, arguments: Mapping[str, Any], fulfilled: Fulfilled) -> Response:
        """Put the command on record, have it done, and answer.

        Raises:
            billing_core.commands.InvalidArguments: nothing is put on record.
            billing_core.commands.KeyReused: the key stands for another command.
            ingest.api.errors.NotAllowed: the caller may not ask for this.
            ingest.api.errors.Unfulfilled: the caller waited, and the command ended otherwise than asked.
        """
        require_sellers_consent(self.caller, arguments, self.parts.user_prices)
        command = await self._submitted(name, arguments)
        self._request.state.command_id = command.command_id
        self._request.state.headers = self._headers(command)
        if self._wait is None:
            return self._accepted(command)
        ended = command if command.status.final else await self._outcomes.ended(command.command_id, self._wait)
        return await self._outcome(ended, fulfilled) if ended else self._accepted(command)

    async def _submitted(self, name: str, arguments: Mapping[str, Any]) -> Command:
        key = ledger_key(self.caller, self._key)
        # The transaction has ended when this returns: nothing is answered, and nothing queued, that could be undone.
        command, new = await self.parts.in_database(
            self.parts.commands.submit, name, arguments, idempotency_key=key, subject=self.caller.subject
        )
        if new:
            await self._enqueue(command.command_id)
        return command

    async def _enqueue(self, command_id: str) -> None:
        try:
            await run_sync(self.parts.enqueue, command_id)
        except Exception as error:  # noqa: BLE001  (whatever it is: the command is on record, the sweep queues it)
            log.warning("command.not_queued", command_id=command_id, reason=type(error).__name__)

    async def _outcome(self, command: Command, fulfilled: Fulfilled) -> Response:
        if unfulfilled := _UNFULFILLED.get(command.status):
            raise unfulfilled(command)
        row = await self.parts.in_database(self._read, fulfilled, command)
        if row is None:
            return self._accepted(command)
        location = fulfilled.location(command) if fulfilled.location else None
        return self._response(row, fulfilled.status, command, location)

    def _read(self, fulfilled: Fulfilled, command: Command) -> Row | None:
        with self.parts.database.read() as session:
            return fulfilled.read(session, command)

    def _accepted(self, command: Command) -> Response:
        location = f"{COMMANDS}/{command.command_id}"
        accepted = Accepted(
            command_id=command.command_id,
            name=command.name,
            idempotency_key=self._key,
            location=location,
            created_at=command.created_at,
        )
        return self._response(accepted, 202, command, location)

    def _response(self, body: BaseModel, status: int, command: Command, location: str | None) -> Response:
        headers = self._headers(command) | ({"Location": location} if location else {})
        return Response(body.model_dump_json(), status, headers, media_type="application/json")

    def _headers(self, command: Command) -> dict[str, str]:
        """Return what every answer about a command has, a problem too."""
        headers = {HEADER: self._key, COMMAND_HEADER: command.command_id}
        return headers | ({} if self._wait is None else {"Preference-Applied": f"wait={self._wait}"})


Submit = Annotated[Submission, Depends()]
