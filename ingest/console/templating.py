"""Templates to pages. Everything is escaped: a stored payload is whatever somebody sent."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from ingest.console.desk import Visit
from ingest.console.operators import Role

# Whatever has one of these before its ID has a page, or events that are found by it.
_EVENT, _COMMAND = "evt_", "cmd_"
_FOUND_BY_ID = ("sub_", "in_", "cus_", "pm_", "card_", "re_", "du_", "dp_", "pyr_")


def render(visit: Visit, template: str, /, code: int = HTTPStatus.OK, **values: Any) -> Response:
    """Return a page for somebody who is logged in."""
    operator, session = visit.operator, visit.session
    values |= {
        "operator": operator,
        "may_act": operator is not None and operator.role is Role.ADMIN,
        "csrf": session.csrf if session else "",
        "here": _here(visit),
        "notice": _notice(visit),
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), code)


def plain(template: str, /, *, status: HTTPStatus, **values: Any) -> Response:
    """Return a page for nobody in particular."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(values, status=status, operator=None), status)


def _here(visit: Visit) -> str:
    """Return which of the bar's links leads here."""
    path, dead = visit.request.url.path, visit.request.query_params.get("outcome") == "dead"
    return f"{path}?outcome=dead" if path == "/console/events" and dead else path


_NOTICES = {
    "queued": "Queued again. A worker takes it up within a second: reload to see what became of it.",
    "settled": "It is settled already: nothing was done.",
    "linked": "Linked. What waited for the customer is queued again.",
}


def _notice(visit: Visit) -> str | None:
    """Say what was just done. The address names a sentence of ours; its own words are shown to nobody."""
    text = _NOTICES.get(visit.request.query_params.get("done", ""))
    number = visit.request.query_params.get("number", "")
    if text and number.isascii() and number.isdecimal():
        return f"{text} ({int(number):,} events)" if int(number) != 1 else f"{text} (1 event)"
    return text


def moment(value: datetime | None) -> str:
    """Write a moment in UTC, to the second."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def precise(value: datetime | None) -> str:
    """Write a moment in UTC, to the millisecond."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def span(value: timedelta) -> str:
    """Write how long something took."""
    seconds = value.total_seconds()
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def shown(value: object) -> str:
    """Write a column's value."""
    match value:
        case None:
            return "—"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return moment(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def pretty(value: object) -> str:
    """Lay JSON out; what is no JSON stays as it is."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        return json.dumps(parsed, indent=2, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return str(value)


def linked(value: object) -> str | Markup:
    """Link an ID to what the console knows of it; whatever else it is, write it."""
    text = shown(value)
    if text.startswith(_EVENT):
        return _link(f"/console/events/{_quoted(text)}", text)
    if text.startswith(_COMMAND):
        return _link(f"/console/commands/{_quoted(text)}", text)
    if text.startswith(_FOUND_BY_ID):
        return _link(f"/console/events?{urlencode({'about': text})}", text)
    return text


def _quoted(text: str) -> str:
    return urlencode({"": text})[1:]


def _link(address: str, text: str) -> Markup:
    return Markup('<a class="id" href="{}">{}</a>').format(address, text)


def query(values: Mapping[str, Any], **changes: Any) -> str:
    """Write the query of an address: the values that there are, with these changes."""
    return urlencode({name: value for name, value in {**values, **changes}.items() if value not in (None, "")})


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("ingest.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": moment,
        "precise": precise,
        "span": span,
        "shown": shown,
        "pretty": pretty,
        "linked": linked,
    }
    made.globals |= {"query": query, "notice": None, "may_act": False, "csrf": "", "here": ""}
    return made


_TEMPLATES = _environment()
