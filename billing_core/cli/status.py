import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from billing_core.cli.output import show_json, show_rows
from billing_core.cli.runtime import runtime
from billing_core.event_log import count_outcomes, count_unresolved
from config.queues import Family

# A year: more would only be slow, and the largest numbers are no dates.
MOST_HOURS = 24 * 366


def show(
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
    hours: Annotated[int, typer.Option(help="Count outcomes of the last hours.", min=1, max=MOST_HOURS)] = 24,
) -> None:
    """What waits, for how long, and what became of the latest events. Exit code 1 if there are dead letters."""
    here = runtime()
    waiting = [{"family": str(family), **here.inbox.depth(family)._asdict()} for family in Family]
    with here.database.read() as session:
        outcomes = count_outcomes(session, datetime.now(UTC) - timedelta(hours=hours))
        unresolved = count_unresolved(session)
    if as_json:
        show_json({"waiting": waiting, "outcomes": outcomes, "hours": hours, "unresolved": unresolved})
    else:
        show_rows(waiting, ["family", "inbox", "queue", "oldest_s"], as_json=False)
        typer.echo(f"\nevents of the last {hours} h: {_listed(outcomes)}")
        typer.echo(f"unresolved, however old: {_listed(unresolved)}")
    if unresolved.get("dead"):
        sys.exit(1)


def _listed(counts: dict[str, int]) -> str:
    return " ".join(f"{outcome}={count}" for outcome, count in sorted(counts.items())) or "none"
