from starlette.responses import Response

from billing_core.user_ids import LARGEST_USER_ID
from billing_core.user_rows import MOST, rows_of_user
from ingest.console.desk import Desk, Visit
from ingest.console.errors import NotThere
from ingest.console.templating import render


def user(desk: Desk, visit: Visit) -> Response:
    """Show what we hold of one user."""
    user_id = int(visit.path("user_id"))
    with desk.reading() as session:
        found = rows_of_user(session, user_id) if user_id <= LARGEST_USER_ID else None
        if found is None:
            raise NotThere(f"Users has no UserID {user_id}.")
        return render(visit, "user.html", user=found, rows=found.rows, most=MOST)
