import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import Progress

from billing_core import event_log
from billing_core.cli.ages import age
from billing_core.cli.audit import note_first
from billing_core.cli.output import show_json, show_rows, terminal
from billing_core.cli.runtime import runtime
from billing_core.database import Database
from billing_core.event_log import LISTED, UNRESOLVED, Selection, find_event, ids_to_replay, list_events
from billing_core.ordering import Outcome
from billing_core.replay import Replay

app = typer.Typer(no_args_is_help=True, help="The events on record: list, show, replay.")

# Of the events of one replay: each event's own row says when it was last processed.
MOST_NAMED = 100

OutcomeOption = Annotated[Outcome | None, typer.Option(help="Only events with this outcome.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Only events of this Stripe type.")]
ErrorOption = Annotated[str | None, typer.Option("--error", help="Only events whose reason contains this text.")]
SinceOption = Annotated[str | None, typer.Option(help="Only events received since then: 30m, 24h, 7d.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]


@app.command("list")
def list_(
    outcome: OutcomeOption = None,
    type_: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List events, the newest first: `billing events list --outcome dead --since 24h`."""
    selection = Selection(outcome, type_, error, _moment(since))
    with runtime().database.read() as session:
        rows = list_events(session, selection, limit)
    show_rows(rows, LISTED, as_json=as_json)


@app.command()
def show(event_id: str, as_json: JsonOption = False) -> None:
    """Show one event: what it was, what became of it, what it changed, and the error if it is dead."""
    with runtime().database.read() as session:
        event = find_event(session, event_id)
        if event is None:
            sys.exit(f"{event_id} is not on record; look for it at Stripe, or in `billing status` among what waits")
        row = {column.key: getattr(event, column.key) for column in event.__mapper__.column_attrs}
    if as_json:
        show_json(row)
        return
    payload, trace = row.pop("event_data"), row.pop("error")
    show_rows([{"field": name, "value": value} for name, value in row.items()], ["field", "value"], as_json=False)
    typer.echo(f"\npayload: {len(payload or '')} characters (--json shows it)")
    if trace:
        typer.echo(trace.rstrip())


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Event IDs; or choose by the options.")] = None,
    outcome: OutcomeOption = None,
    type_: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the next event to be finished.", min=0)] = 60.0,
) -> None:
    """Apply dead or parked events again: `billing events replay --outcome dead --type invoice.paid`.

    An event that was applied is left alone. Exit code 1 if any is unknown, failed again or was not taken up in time.
    """
    by_options = any((outcome, type_, error, since))
    if bool(ids) == by_options:
        raise typer.BadParameter("name event IDs, or choose with --outcome, --type, --error or --since")
    selection = Selection(outcome, type_, error, _moment(since))
    here = runtime()
    with here.database.read() as session:
        chosen = ids or ids_to_replay(session, selection)
    replaying = Replay(here.database, here.inbox, chosen)
    _announce(replaying)
    if dry_run:
        for event_id in replaying.open:
            typer.echo(f"{event_id}: would be replayed")
    failed = [] if dry_run else _run(here.database, replaying, timeout)
    if replaying.refused or failed:
        sys.exit(1)


@app.command()
def purge(
    older_than: Annotated[str, typer.Option(help="Delete events received longer ago: 400d.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete old events from the audit trail, the only way they ever leave it. Parked and dead ones stay."""
    before = datetime.now(UTC) - age(older_than)
    if not (yes or typer.confirm(f"Delete events received before {before:%Y-%m-%d %H:%M} UTC?")):
        sys.exit("nothing was deleted")
    database = runtime().database
    note_first(database, "events.purge", received_before=before.isoformat())
    typer.echo(f"deleted={event_log.purge(database, before)}")


def _announce(replaying: Replay) -> None:
    for event_id, reason in replaying.refused.items():
        typer.echo(f"{event_id}: {reason}")
    for event_id, settled in replaying.settled.items():
        typer.echo(f"{event_id}: already {settled}, nothing to do")


def _run(database: Database, replaying: Replay, timeout: float) -> list[str]:
    """Replay, tell each result, and return the events that are still unresolved."""
    if replaying.open:
        _note(database, replaying.open)
    replaying.start()
    console = terminal()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("replaying", total=len(replaying.open))
        for event_id, result in replaying.results(timeout):
            typer.echo(f"{event_id}: {result or 'not taken up in time; is a worker running?'}")
            progress.advance(task)
    failed = [event_id for event_id, result in replaying.finished.items() if result is None or result in UNRESOLVED]
    typer.echo(f"replayed={len(replaying.open)} failed={len(failed)}")
    return failed


def _note(database: Database, event_ids: Sequence[str]) -> None:
    [only] = event_ids if len(event_ids) == 1 else [None]
    note_first(database, "events.replay", only, events=len(event_ids), first_event_ids=event_ids[:MOST_NAMED])


def _moment(since: str | None) -> datetime | None:
    return None if since is None else datetime.now(UTC) - age(since)
