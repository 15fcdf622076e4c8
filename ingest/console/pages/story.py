"""One event: its story, and its replay."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from billing_core.event_story import story_of
from billing_core.event_types import FAMILY_OF
from billing_core.models import BillingEvent
from billing_core.ordering import SETTLED
from billing_core.replay import Replay
from billing_core.retry import named_database_errors
from billing_core.sealed import CannotOpen
from ingest.console.desk import Desk, Visit, record
from ingest.console.errors import BadForm, NotThere
from ingest.console.templating import render


def event(desk: Desk, visit: Visit) -> Response:
    """Show what came, what became of it, what it changed, who caused it, and how its object stands."""
    event_id = visit.path("event_id")
    with desk.reading() as session:
        story = story_of(session, event_id)
        if story is None:
            raise NotThere(f"{event_id} is not on record. It may still wait in the inbox, or never have come.")
        return render(
            visit,
            "event.html",
            story=story,
            event=story.event,
            payload=_payload(desk, story.event),
            settled=story.event.outcome in SETTLED,
            family=FAMILY_OF.get(story.event.event_type.removeprefix("v1.")),
        )


def _payload(desk: Desk, event: BillingEvent) -> str | None:
    """Return the payload as it is stored, opened; where its key is missing, the sentence that says so."""
    try:
        return desk.payloads.read(event.stripe_event_id, event.event_data)
    except CannotOpen as error:
        return str(error)


def replay_event(desk: Desk, visit: Visit) -> Response:
    """Put the event through the inbox once more."""
    event_id = visit.path("event_id")
    with named_database_errors():
        replaying = Replay(desk.database, desk.inbox, [event_id], desk.payloads)
    if reason := replaying.refused.get(event_id):
        raise BadForm(f"{event_id} cannot be replayed: {reason}")
    if replaying.open:
        with desk.writing() as session:
            record(session, visit, "events.replay", event_id)
        with named_database_errors():
            replaying.start()
    done = "queued" if replaying.open else "settled"
    return RedirectResponse(f"/console/events/{event_id}?done={done}", HTTPStatus.SEE_OTHER)
