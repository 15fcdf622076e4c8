import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing_core.cli.options import JsonOption, RestartOption

if TYPE_CHECKING:
    from billing_core.reconcile.findings import Finding
    from billing_core.reconcile.run import Run

COMPARED = ("at_stripe", "rows", "foreign", "moving", "missing", "differs", "unknown_at_stripe", "repaired")
FILLED = ("at_stripe", "rows", "written", "foreign", "moving", "differs", "unknown_at_stripe", "repaired")


class KindName(StrEnum):
    """The kinds of billing_core/reconcile/findings.py, by name."""

    CUSTOMER = "customer"
    PAYMENT_METHOD = "payment_method"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    INVOICE_PAYMENT = "invoice_payment"
    DISPUTE = "dispute"
    REFUND = "refund"


def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Correct the rows that differ.")] = False,
    kind: Annotated[list[KindName] | None, typer.Option(help="Only this kind, once or several times.")] = None,
    as_json: JsonOption = False,
    restart: RestartOption = False,
) -> None:
    """Compare our rows with Stripe's objects, field by field. It changes nothing without --repair.

    Customers that Stripe does not know are found with kind payment_method. Exit code 0 if all is equal or repaired,
    2 if there is drift left, 1 if the run could not be finished: the same command goes on with it.
    """
    from billing_core.reconcile.reconcile import new_run

    wanted = new_run([str(one) for one in kind] if kind else None, repair=repair)
    run = _run("reconcile.manual", wanted, restart=restart)
    _show(run, COMPARED, as_json=as_json)
    if any(run.drift.values()):
        sys.exit(2)


def backfill(as_json: JsonOption = False, restart: RestartOption = False) -> None:
    """Fetch what Stripe has of our users and we lack.

    Webhooks may go on meanwhile. Exit code 0 if every object of ours at Stripe has its row and no row differs; 1 if
    not, or if the run could not be finished: the same command goes on with it.
    """
    from billing_core.reconcile.reconcile import new_run

    run = _run("backfill", new_run(repair=True, fill=True), restart=restart)
    _show(run, FILLED, as_json=as_json)
    if any(run.drift.values()) or not run.complete:
        sys.exit(1)
    _close_hole(run)


def _close_hole(run: "Run") -> None:
    """Forget the time of which Stripe had no events any more: each object is at its state of today."""
    from billing_core import gaps
    from billing_core.cli.runtime import runtime

    database = runtime().database
    filled = gaps.last_run(database)
    if filled and filled.hole and filled.hole.end <= run.began_at:
        gaps.close_hole(database)


def _run(name: str, wanted: "Run", *, restart: bool) -> "Run":
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    from billing_core.cli.audit import note_first
    from billing_core.cli.output import progress
    from billing_core.cli.runtime import runtime
    from billing_core.reconcile.reconcile import Reconcile
    from billing_core.reconcile.resumable import Resumable
    from config.settings import SettingsError

    here = runtime()
    if not here.stripe.configured:  # else it would be waited for, as for a Stripe that is away
        raise SettingsError("STRIPE_SECRET_KEY is not set: there is nobody to ask")
    reconciling = Reconcile(here.database, here.stripe, settle=here.settings.reconcile_settle, app=here.settings.app)
    resumable = Resumable(here.database, reconciling, name)
    run = resumable.begin(wanted, restart=restart)
    if run.repair:
        action = "backfill" if run.fill else "reconcile.repair"
        note_first(here.database, action, kinds=run.kinds, run_began_at=run.began_at.isoformat())
    if run is not wanted:
        typer.echo(f"going on with the run of {run.began_at:%Y-%m-%d %H:%M:%S} UTC", err=True)
    with progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as shown:
        task = shown.add_task("")
        for _ in resumable.steps(run):
            shown.update(task, description=_where(run))
    return run


def _where(run: "Run") -> str:
    return ", ".join(f"{kind} {tally.at_stripe + tally.foreign}" for kind, tally in run.tallies.items())


def _show(run: "Run", columns: Sequence[str], *, as_json: bool) -> None:
    from billing_core.cli.output import show_json, show_rows

    tallies = {kind: {name: getattr(run.tally(kind), name) for name in columns} for kind in run.kinds}
    if as_json:
        show_json(
            {
                "began_at": run.began_at,
                "finished_at": run.finished_at,
                "kinds": tallies,
                "drift": sum(run.drift.values()),
                "findings": run.as_json()["findings"],
            }
        )
        return
    if run.findings:
        show_rows([_row(one) for one in run.findings], ["kind", "stripe_id", "found", "fields"], as_json=False)
        typer.echo("")
    show_rows([{"kind": kind} | tally for kind, tally in tallies.items()], ["kind", *columns], as_json=False)
    found = sum(tally.missing + tally.differs + tally.unknown_at_stripe for tally in run.tallies.values())
    if found > len(run.findings):
        typer.echo(f"{found - len(run.findings)} more findings are not shown")


def _row(finding: "Finding") -> Mapping[str, Any]:
    fields = ", ".join(f"{name}: {ours} instead of {theirs}" for name, (ours, theirs) in finding.fields.items())
    found = f"{finding.what}, repaired" if finding.repaired else str(finding.what)
    return {"kind": finding.kind, "stripe_id": finding.stripe_id, "found": found, "fields": fields}
