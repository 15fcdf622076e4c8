import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from billing_core.cli import reseal
from billing_core.cli.ages import age
from billing_core.cli.options import (
    CustomerOption,
    ErrorOption,
    JsonOption,
    ObjectOption,
    SinceOption,
    TypeOption,
    UserOption,
    examples,
)
from billing_core.ordering import Outcome

if TYPE_CHECKING:
    from billing_core.event_log import Selection

app = typer.Typer(no_args_is_help=True, help="The events on record: list, show, replay.")

OutcomeOption = Annotated[Outcome | None, typer.Option(help="Only events with this outcome.")]


@app.command(
    "list",
    epilog=examples(
        "billing events list --outcome dead --since 24h",
        "billing events list --customer cus_1 --type invoice.paid --json",
        "billing events list --object sub_1 --limit 5 | head",
    ),
)
def list_(
    outcome: OutcomeOption = None,
    type_: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    object_: ObjectOption = None,
    customer: CustomerOption = None,
    user: UserOption = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List events, the newest first."""
    selection = _selection(outcome, type_, error, since, object_, customer, user)
    from billing_core.cli.output import show_rows
    from billing_core.cli.runtime import runtime
    from billing_core.event_log import LISTED, list_events

    with runtime().database.read() as session:
        rows = list_events(session, selection, limit)
    show_rows(rows, LISTED, as_json=as_json)


@app.command(epilog=examples("billing events show evt_1", "billing events show evt_1 --json"))
def show(
    event_id: Annotated[str, typer.Argument(help="Stripe's ID, evt_…")],
    as_json: JsonOption = False,
) -> None:
    """Show one event and what became of it.

    What it was, what it changed, and the error if it is dead.
    """
    from billing_core.cli.output import show_json, show_rows
    from billing_core.cli.runtime import runtime
    from billing_core.event_log import find_event

    here = runtime()
    with here.database.read() as session:
        event = find_event(session, event_id)
        if event is None:
            sys.exit(f"{event_id} is not on record; look for it at Stripe, or in `billing status` among what waits")
        row = {column.key: getattr(event, column.key) for column in event.__mapper__.column_attrs}
    row["event_data"] = here.payloads.read(event_id, row["event_data"])
    if as_json:
        show_json(row)
        return
    payload, trace = row.pop("event_data"), row.pop("error")
    show_rows([{"field": name, "value": value} for name, value in row.items()], ["field", "value"], as_json=False)
    typer.echo(f"\npayload: {len(payload or '')} characters (--json shows it)")
    if trace:
        typer.echo(trace.rstrip())


@app.command(
    epilog=examples(
        "billing events replay evt_1 evt_2",
        "billing events replay --outcome dead --type invoice.paid --dry-run",
        "billing events replay --customer cus_1 --timeout 5 --json",
    )
)
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Event IDs; or choose by the options.")] = None,
    outcome: OutcomeOption = None,
    type_: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    object_: ObjectOption = None,
    customer: CustomerOption = None,
    user: UserOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the next event to be finished.", min=0)] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Apply dead or parked events again.

    Without --outcome those of both. An event that was applied is left alone. Exit code 1 if any is unknown, failed
    again or was not taken up in time.
    """
    if bool(ids) == any((outcome, type_, error, since, object_, customer, user)):
        raise typer.BadParameter("name event IDs, or choose with options such as --outcome, --type or --since")
    selection = _selection(outcome, type_, error, since, object_, customer, user)
    from billing_core.cli.replaying import replay_all

    if not replay_all(ids, selection, dry_run=dry_run, timeout=timeout, as_json=as_json):
        sys.exit(1)


app.command(
    "reseal",
    epilog=examples(
        "billing events reseal --dry-run", "billing events reseal", "billing events reseal --limit 100000 --json"
    ),
)(reseal.reseal)


def _selection(
    outcome: Outcome | None,
    type_: str | None,
    error: str | None,
    since: str | None,
    object_: str | None,
    customer: str | None,
    user: int | None,
) -> "Selection":
    moment = None if since is None else datetime.now(UTC) - age(since)
    from billing_core.event_log import Selection

    return Selection(outcome, type_, error, moment, object_, customer, user)
