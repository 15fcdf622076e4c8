import sys
from typing import TYPE_CHECKING, Annotated

import typer

from billing_core.cli.ages import age
from billing_core.cli.options import JsonOption

if TYPE_CHECKING:
    from billing_core.gaps import Findings

NEEDS_BACKFILL = (
    "Stripe has no events any more from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: run `billing backfill`"
)


def fill(
    since: Annotated[
        str | None, typer.Option(help="Look so far back, at most 30d: 24h. By default since the last look.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is missing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the events that Stripe has and we lack, and accept them.

    Exit code 0 if none was missing or all are accepted; 1 if some are missing with --dry-run, or if Stripe has no
    events any more of a time that we missed, so that `billing backfill` is needed.
    """
    findings = _find(since, dry_run=dry_run)
    _show(findings, dry_run=dry_run, as_json=as_json)
    if findings.hole:
        sys.exit(NEEDS_BACKFILL.format(begin=findings.hole.begin, end=findings.hole.end))
    if dry_run and findings.lacking:
        sys.exit(1)


def _find(since: str | None, *, dry_run: bool) -> "Findings":
    length = None if since is None else age(since)
    from billing_core.cli.audit import note_first
    from billing_core.cli.runtime import runtime
    from billing_core.gaps import KEPT, GapFill

    here = runtime()
    if length and length > KEPT:
        raise typer.BadParameter(f"{since}: Stripe keeps events for {KEPT.days} days; older objects need a backfill")
    gaps = GapFill(
        here.database,
        here.inbox,
        here.stripe,
        livemode=here.settings.livemode_expected,
        overlap=here.settings.gap_overlap,
        payloads=here.payloads,
    )
    if not dry_run:
        note_first(here.database, "gaps.fill", since=since)
    if length is None and not dry_run:
        return gaps.catch_up()
    return gaps.look(length, accept=not dry_run)


def _show(findings: "Findings", *, dry_run: bool, as_json: bool) -> None:
    from billing_core.cli.output import show_json, show_rows

    missing = findings.by_type()
    if as_json:
        show_json(
            {
                "begin": findings.begin,
                "end": findings.end,
                "missing": missing,
                "event_ids": [one.event_id for one in findings.lacking],
                "accepted": not dry_run,
                "behind": findings.hole is not None,
            }
        )
        return
    rows = [{"type": name, "missing": count} for name, count in sorted(missing.items())]
    if rows:
        show_rows(rows, ["type", "missing"], as_json=False)
    window = f"from {findings.begin:%Y-%m-%d %H:%M:%S} to {findings.end:%Y-%m-%d %H:%M:%S} UTC"
    accepted = ", all accepted" if rows and not dry_run else ""
    typer.echo(f"{window}: {len(findings.lacking)} missing{accepted}")
    if young := sum(not one.overdue for one in findings.lacking):
        typer.echo(f"{young} of them so young that they may be on their way")
