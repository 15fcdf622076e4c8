import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from billing_core.cli.ages import age
from billing_core.cli.options import JsonOption, YesOption
from billing_core.cli.output import confirmed, show_json


def purge(
    older_than: Annotated[str, typer.Option(help="Delete events received longer ago: 400d.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete old events, the only way they leave the audit trail.

    Parked and dead ones stay.
    """
    before = datetime.now(UTC) - age(older_than)
    if not (yes or confirmed(f"Delete events received before {before:%Y-%m-%d %H:%M} UTC?")):
        sys.exit("nothing was deleted")
    from billing_core.cli.audit import note_first
    from billing_core.cli.runtime import runtime
    from billing_core.event_log import purge

    database = runtime().database
    note_first(database, "events.purge", received_before=before.isoformat())
    deleted = purge(database, before)
    if as_json:
        show_json({"deleted": deleted, "received_before": before})
    else:
        typer.echo(f"deleted={deleted}")
