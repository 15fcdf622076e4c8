from typing import Annotated

from fastapi import APIRouter, Depends, Path

from billing_core.commands import Command
from ingest.api.answers import problems
from ingest.api.errors import NotFound
from ingest.api.idempotency import shown_key
from ingest.api.parts import ApiCaller, ApiParts
from ingest.api.route import BillingRoute
from ingest.api.rows import CommandRow
from ingest.api.submit import COMMANDS

router = APIRouter(prefix=COMMANDS, tags=["commands"], route_class=BillingRoute)

_ONE = "/{commandId}"


async def _found(
    parts: ApiParts,
    caller: ApiCaller,
    command_id: Annotated[str, Path(alias="commandId", pattern=r"^cmd_[A-Za-z0-9]{1,60}$")],
) -> Command:
    command = await parts.find_command(command_id)
    # A user sees what they asked for, and what concerns them.
    if command is None or not (command.subject == caller.subject or caller.owns(command.user_id)):
        raise NotFound("there is no such command, or it is another user's")
    return command


@router.get(_ONE, responses=problems(404))
async def read_command(command: Annotated[Command, Depends(_found)], caller: ApiCaller) -> CommandRow:
    """Return how a command stands."""
    row = CommandRow.model_validate(command)
    return row.model_copy(update={"idempotency_key": shown_key(caller, command.idempotency_key)})
