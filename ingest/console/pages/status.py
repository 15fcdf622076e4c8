"""The first page: what waits, what is wrong, what became of the latest events, and how long it took."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from billing_core.doctor.redis_server import examine_redis
from billing_core.errors import DatabaseUnavailable
from billing_core.event_log import count_outcomes, count_unresolved
from billing_core.event_rates import rates
from billing_core.finding import Level
from billing_core.models.declarative import utc_now
from billing_core.watch import judge, look
from ingest.console import charts
from ingest.console.desk import Desk, Visit
from ingest.console.errors import BadForm
from ingest.console.templating import render

_WORST_FIRST = {Level.FAIL: 0, Level.WARN: 1, Level.OK: 2}


def status(desk: Desk, visit: Visit) -> Response:
    """Show it; without the database, what Redis tells, and 503."""
    now, window = utc_now(), _window(visit.request.query_params.get("window", ""))
    sight = look(desk.redis, desk.inbox, desk.database, desk.settings)
    production = desk.settings.env == "production"
    findings = [*judge(sight, desk.settings), *examine_redis(desk.redis, production=production)]
    recorded = _recorded(desk, now, window)
    return render(
        visit,
        "status.html",
        code=HTTPStatus.OK if recorded else HTTPStatus.SERVICE_UNAVAILABLE,
        findings=sorted(findings, key=lambda finding: _WORST_FIRST[finding.level]),
        depths=sight.flow.depths,
        recorded=recorded,
        window=window,
        windows=charts.WINDOWS,
        now=now,
    )


def _window(name: str) -> charts.Window:
    if not name:
        return charts.WINDOWS[0]
    found = next((window for window in charts.WINDOWS if window.name == name), None)
    if found is None:
        raise BadForm(f"a window is one of {', '.join(window.name for window in charts.WINDOWS)}")
    return found


def _recorded(desk: Desk, now: datetime, window: charts.Window) -> dict[str, Any] | None:
    """Return what only the database knows; None while it is away."""
    try:
        with desk.reading() as session:
            intervals = rates(session, window.begin(now), window.width, window.count)
            return {
                "day": count_outcomes(session, now - timedelta(days=1)),
                "unresolved": count_unresolved(session),
                "charts": [charts.throughput(intervals, window), charts.lag(intervals, window)],
            }
    except DatabaseUnavailable:
        return None
