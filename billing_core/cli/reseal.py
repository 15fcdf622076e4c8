import sys
from typing import Annotated

import typer

from billing_core.cli.options import JsonOption


def reseal(
    limit: Annotated[int | None, typer.Option(help="End after so many payloads; run it again for the rest.", min=1)] = (
        None
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is to be sealed, by key.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Seal stored payloads anew with the newest key.

    Plain ones, and those of older keys; once none is left, the older keys may go. Exit code 1 if a key is missing.
    """
    from billing_core.cli.audit import note_first
    from billing_core.cli.output import show_json
    from billing_core.cli.runtime import runtime
    from billing_core.resealing import Resealed, count_outdated, reseal
    from config.settings import SettingsError

    here = runtime()
    if here.payloads.newest_key is None:
        raise SettingsError("BILLING_EVENT_DATA_KEYS is missing: there is no key to seal with")
    done = Resealed()
    if not dry_run:
        note_first(here.database, "events.reseal", key=here.payloads.newest_key, limit=limit)
        done = reseal(here.database, here.payloads, limit)
    # Counted anew: a worker that does not have the newest key yet goes on to seal with the one before.
    left = count_outdated(here.database, here.payloads)
    if as_json:
        show_json({"dry_run": dry_run, "resealed": done.resealed, "left": left, "unopened": done.unopened})
    else:
        for key, count in sorted(left.items()):
            typer.echo(f"key={key} left={count}")
        typer.echo(f"resealed={done.resealed} left={sum(left.values())}")
    if done.unopened:
        sys.exit("\n".join(done.unopened.values()))
