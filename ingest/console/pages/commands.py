from starlette.responses import Response

from billing_core.commands import CommandStatus
from billing_core.commands.listing import Asked, find_command, list_commands
from billing_core.event_log import Selection, list_events
from ingest.console.desk import Desk, Visit
from ingest.console.errors import BadForm, NotThere
from ingest.console.pages.filters import read_before
from ingest.console.templating import render

PAGE = 50


def commands(desk: Desk, visit: Visit) -> Response:
    """List what callers asked for, newest first."""
    asked = visit.request.query_params
    status, before = asked.get("status", ""), read_before(asked)
    if status and status not in set(CommandStatus):
        raise BadForm(f"a status is one of {', '.join(CommandStatus)}")
    with desk.reading() as session:
        found = list_commands(session, Asked(status=status or None, before=before), PAGE + 1)
        rows = found[:PAGE]
        return render(
            visit,
            "commands.html",
            rows=rows,
            status=status,
            statuses=list(CommandStatus),
            older=rows[-1].billing_command_id if len(found) > PAGE else None,
            newest=before is None,
        )


def command(desk: Desk, visit: Visit) -> Response:
    """Show one command: what was asked, what was sent to Stripe, what came of it, and the events that it caused."""
    command_id = visit.path("command_id")
    with desk.reading() as session:
        found = find_command(session, command_id)
        if found is None:
            raise NotThere(f"No command {command_id} is on record.")
        caused = list_events(session, Selection(about=command_id), PAGE)
        return render(visit, "command.html", command=found, caused=caused)
