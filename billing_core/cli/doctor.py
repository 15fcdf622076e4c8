import sys
from typing import TYPE_CHECKING

from billing_core.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing_core.finding import Finding


def examine(as_json: JsonOption = False) -> None:
    """Look at all the service stands on, and say what to do.

    Exit code 1 if anything fails.
    """
    from billing_core import doctor
    from billing_core.cli.runtime import runtime

    here = runtime()
    report(doctor.examine(here.redis, here.inbox, here.database, here.stripe, here.settings), as_json=as_json)


def report(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    """Show findings, and end with exit code 1 if any of them fails."""
    from billing_core.cli.output import show_json, show_rows
    from billing_core.finding import FIELDS, failed, rows

    bad = failed(findings)
    if as_json:
        show_json({"ok": not bad, "findings": rows(findings)})
    else:
        show_rows(rows(findings), FIELDS, as_json=False)
    if bad:
        sys.exit(1)
