"""What `billing events replay` does, and what it tells of each event."""

from collections.abc import Sequence

import typer

from billing_core.cli.audit import note_first
from billing_core.cli.output import progress, show_json
from billing_core.cli.runtime import runtime
from billing_core.database import Database
from billing_core.event_log import UNRESOLVED, Selection, ids_to_replay
from billing_core.replay import Replay

# Of the events of one replay: each event's own row says when it was last processed.
MOST_NAMED = 100


def replay_all(
    ids: Sequence[str] | None, selection: Selection, *, dry_run: bool, timeout: float, as_json: bool
) -> bool:
    """Replay what is named or selected, and return whether all of it is well now."""
    here = runtime()
    with here.database.read() as session:
        chosen = ids or ids_to_replay(session, selection)
    replaying = Replay(here.database, here.inbox, chosen, here.payloads)
    if not as_json:
        _announce(replaying, dry_run=dry_run)
    if not dry_run:
        _run(here.database, replaying, timeout, as_json=as_json)
    failed = [] if dry_run else _failed(replaying)
    if as_json:
        show_json(
            {
                "dry_run": dry_run,
                "replayed": replaying.finished,
                "settled": replaying.settled,
                "refused": replaying.refused,
                "failed": failed,
            }
        )
    elif not dry_run:
        typer.echo(f"replayed={len(replaying.open)} failed={len(failed)}")
    return not (replaying.refused or failed)


def _announce(replaying: Replay, *, dry_run: bool) -> None:
    for event_id, reason in replaying.refused.items():
        typer.echo(f"{event_id}: {reason}")
    for event_id, settled in replaying.settled.items():
        typer.echo(f"{event_id}: already {settled}, nothing to do")
    for event_id in replaying.open if dry_run else ():
        typer.echo(f"{event_id}: would be replayed")


def _run(database: Database, replaying: Replay, timeout: float, *, as_json: bool) -> None:
    if replaying.open:
        _note(database, replaying.open)
    replaying.start()
    with progress() as shown:
        task = shown.add_task("replaying", total=len(replaying.open))
        for event_id, result in replaying.results(timeout):
            if not as_json:
                typer.echo(f"{event_id}: {result or 'not taken up in time; is a worker running?'}")
            shown.advance(task)


def _note(database: Database, event_ids: Sequence[str]) -> None:
    [only] = event_ids if len(event_ids) == 1 else [None]
    note_first(database, "events.replay", only, events=len(event_ids), first_event_ids=event_ids[:MOST_NAMED])


def _failed(replaying: Replay) -> list[str]:
    """Return the events that are still unresolved."""
    return [event_id for event_id, result in replaying.finished.items() if result is None or result in UNRESOLVED]
