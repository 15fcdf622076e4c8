"""Events: found, listed, and replayed as a set."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from billing_core.event_log import Selection, ids_to_replay, list_events
from billing_core.event_types import EVENT_TYPES
from billing_core.models.declarative import utc_now
from billing_core.ordering import SETTLED, Outcome
from billing_core.replay import Replay
from billing_core.retry import named_database_errors
from ingest.console.desk import Desk, Visit, record
from ingest.console.errors import BadForm
from ingest.console.pages.filters import SINCE, Filters, read_before
from ingest.console.templating import query, render

PAGE = 50

# At a time, oldest first: so many are queued within seconds.
MOST_REPLAYED = 1000

EVENTS = "/console/events"


def events(desk: Desk, visit: Visit) -> Response:
    """List what the filters choose, newest first."""
    filters, before = Filters.read(visit.request.query_params), read_before(visit.request.query_params)
    with desk.reading() as session:
        found = list_events(session, filters.selection(utc_now()), PAGE + 1, before=before)
    rows = found[:PAGE]
    return render(
        visit,
        "events.html",
        rows=rows,
        filters=filters,
        older=rows[-1]["event_id"] if len(found) > PAGE else None,
        newest=before is None,
        outcomes=list(Outcome),
        types=[event_type.name for event_type in EVENT_TYPES],
        since=list(SINCE),
        replayable=filters.outcome not in SETTLED,
    )


def search(_desk: Desk, visit: Visit) -> Response:
    """Go where the ID leads: an event, a command and a user have pages of their own, an object has its events."""
    term = visit.request.query_params.get("q", "").strip()
    if term.isascii() and term.isdecimal():
        return _go(f"/console/users/{term}")
    if term.isascii() and term.replace("_", "").isalnum():
        for prefix, place in (("evt_", EVENTS), ("cmd_", "/console/commands")):
            if term.startswith(prefix):
                return _go(f"{place}/{term}")
    return _go(f"{EVENTS}?{query({'about': term})}")


def confirm_replay(desk: Desk, visit: Visit) -> Response:
    """Say what would be replayed."""
    filters = Filters.read(visit.request.query_params)
    chosen = _chosen(desk, filters)
    replaying = _replay(desk, chosen)
    return render(
        visit,
        "confirm_replay.html",
        filters=filters,
        replaying=replaying,
        most=MOST_REPLAYED,
        more=len(chosen) == MOST_REPLAYED,
    )


def replay_chosen(desk: Desk, visit: Visit) -> Response:
    """Replay what the filters choose."""
    filters = Filters.read(visit.form)
    replaying = _replay(desk, _chosen(desk, filters))
    if replaying.open:
        with desk.writing() as session:
            record(session, visit, "events.replay", events=len(replaying.open), chosen_by=sorted(filters.query))
        with named_database_errors():
            replaying.start()
    return _go(f"{EVENTS}?{query(filters.query, done='queued', number=len(replaying.open))}")


def _chosen(desk: Desk, filters: Filters) -> list[str]:
    if filters.outcome in SETTLED:
        raise BadForm("an event that is settled is not applied again")
    selection: Selection = filters.selection(utc_now())
    with desk.reading() as session:
        return list(ids_to_replay(session, selection, MOST_REPLAYED))


def _replay(desk: Desk, event_ids: list[str]) -> Replay:
    with named_database_errors():
        return Replay(desk.database, desk.inbox, event_ids, desk.payloads)


def _go(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
