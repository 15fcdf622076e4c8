import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from billing_core.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing_core.database import Database
    from billing_core.finding import Finding

# A year: more would only be slow, and the largest numbers are no dates.
MOST_HOURS = 24 * 366


def show(
    as_json: JsonOption = False,
    hours: Annotated[int, typer.Option(help="Count outcomes of the last hours.", min=1, max=MOST_HOURS)] = 24,
) -> None:
    """Show what waits and for how long, and what is wrong.

    And what became of the latest events. Exit code 1 if anything fails.
    """
    from billing_core.cli.output import show_json, show_rows
    from billing_core.cli.runtime import runtime
    from billing_core.finding import Level, failed, rows
    from billing_core.watch import judge, look

    here = runtime()
    sight = look(here.redis, here.inbox, here.database, here.settings)
    waiting = [{"family": str(family), **depth._asdict()} for family, depth in sight.flow.depths.items()]
    wrong = [finding for finding in judge(sight, here.settings) if finding.level is not Level.OK]
    counts = _counts(here.database, hours) if sight.ledger else {}
    if as_json:
        show_json({"waiting": waiting, "wrong": rows(wrong), "hours": hours, **counts})
    else:
        show_rows(waiting, ["family", "inbox", "queue", "oldest_s"], as_json=False)
        _show(wrong, counts, hours)
    if failed(wrong):
        sys.exit(1)


def _counts(database: "Database", hours: int) -> dict[str, dict[str, int]]:
    from billing_core.event_log import count_outcomes, count_unresolved

    with database.read() as session:
        outcomes = count_outcomes(session, datetime.now(UTC) - timedelta(hours=hours))
        return {"outcomes": outcomes, "unresolved": count_unresolved(session)}


def _show(wrong: "Sequence[Finding]", counts: dict[str, dict[str, int]], hours: int) -> None:
    for finding in wrong:
        typer.echo(f"\n{finding.level} {finding.check}: {finding.found}\n     {finding.do}")
    if counts:  # none while the database is away
        typer.echo(f"\nevents of the last {hours} h: {_listed(counts['outcomes'])}")
        typer.echo(f"unresolved, however old: {_listed(counts['unresolved'])}")


def _listed(counts: dict[str, int]) -> str:
    return " ".join(f"{outcome}={count}" for outcome, count in sorted(counts.items())) or "none"
