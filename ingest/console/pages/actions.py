from starlette.responses import Response

from billing_core.actions import list_actions
from ingest.console.desk import Desk, Visit
from ingest.console.templating import render

PAGE = 200

_LONGEST = 255


def actions(desk: Desk, visit: Visit) -> Response:
    """List who did what, here and by the command line, newest first."""
    asked = {
        name: visit.request.query_params.get(name, "").strip()[:_LONGEST] for name in ("action", "subject", "target")
    }
    with desk.reading() as session:
        rows = list_actions(session, limit=PAGE, **{name: value or None for name, value in asked.items()})
    return render(visit, "actions.html", rows=rows, asked=asked, most=PAGE)
