"""Reconcile: every object that Stripe lists against its row, and every row that Stripe did not list against Stripe."""

import time
from collections.abc import Callable

import structlog

from billing_core.database import Database
from billing_core.kinds import PAYMENT_METHOD, Kind
from billing_core.models.declarative import utc_now
from billing_core.reconcile.card_walk import CardWalk
from billing_core.reconcile.compare import Comparer, Look
from billing_core.reconcile.findings import NAME_OF, ORDER, Finding
from billing_core.reconcile.list_walk import ListWalk
from billing_core.reconcile.repair import Repairer, is_missing
from billing_core.reconcile.run import Run
from billing_core.reconcile.walks import Walk
from billing_core.stripe_api import StripeApi

log = structlog.get_logger()


class Reconcile:
    """Takes a run through the account, step by step. Webhooks may come meanwhile."""

    def __init__(
        self,
        database: Database,
        stripe: StripeApi,
        *,
        settle: float,
        app: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the parts.

        Args:
            database: with our rows.
            stripe: to ask; only ever to ask.
            settle: seconds between the first look at a difference and the second: longer than an event takes to come.
            app: which of several applications in the Stripe account we are.
            sleep: waits so long.
        """
        self._database = database
        self._stripe = stripe
        self._settle = settle
        self._sleep = sleep
        self._comparer = Comparer(database, stripe, app)
        self._repairer = Repairer(database, stripe, app)

    def step(self, run: Run) -> list[Finding]:
        """Take the next step of a run that is not finished, note in the run what came of it, and return what was found.

        An error leaves the run as it was: keep it, and take the step again.

        Raises:
            StripeUnavailable: no answer.
            DatabaseUnavailable: the database is away or busy.
            RaceLost: webhooks changed the same rows each time.
        """
        walk = self._walk(ORDER[run.kinds[run.stage]])
        step = walk.step(run.place)
        looks, written = self._comparer.compare(step.seen), 0
        if run.fill and any(map(is_missing, looks)):
            written = self._repairer.insert(step.seen)
            looks = self._comparer.compare(step.seen)  # also where a webhook wrote the row first
        findings, moving = self._second_look([*looks, *(self._comparer.look_at(*one) for one in step.unseen)])
        if run.repair:
            findings = [self._repairer.repair(ORDER[one.kind], one) for one in findings]
        if moving or any(one.repaired for one in findings):
            looks = self._comparer.compare(step.seen)
        self._note(run, NAME_OF[walk.kind], looks, findings)
        tally = run.tally(NAME_OF[walk.kind])
        tally.moving += moving
        tally.written += written
        tally.unreadable += step.unreadable
        self._advance(run, step.next)
        return findings

    def _walk(self, kind: Kind) -> Walk:
        if kind is PAYMENT_METHOD:
            return CardWalk(self._database, self._stripe)
        return ListWalk(self._database, self._stripe, kind)

    def _second_look(self, looks: list[Look]) -> tuple[list[Finding], int]:
        suspects = {(look.kind, look.stripe_id): look for look in looks if look.finding}
        if not suspects:
            return [], 0
        self._sleep(self._settle)
        again = [(suspect, self._comparer.look_at(*what)) for what, suspect in suspects.items()]
        findings = [look.finding for suspect, look in again if look.finding and look.confirms(suspect)]
        for one in findings:
            log.warning("drift.found", kind=one.kind, object_id=one.stripe_id, what=one.what, fields=one.fields)
        return findings, len(again) - len(findings)

    def _note(self, run: Run, kind: str, looks: list[Look], findings: list[Finding]) -> None:
        known = {(one.kind, one.stripe_id) for one in run.findings}
        for one in findings:
            if (one.kind, one.stripe_id) not in known:
                run.found(one)
        tally = run.tally(kind)
        tally.foreign += sum(look.foreign for look in looks)
        tally.at_stripe += sum(not look.foreign for look in looks)
        tally.rows += sum(look.revision is not None for look in looks)

    def _advance(self, run: Run, place: dict[str, object] | None) -> None:
        if place is not None:
            run.place = place
            return
        run.stage, run.place = run.stage + 1, {}
        if run.stage == len(run.kinds):
            run.finished_at = utc_now()
            log.info("reconcile.finished", drift=run.drift, repair=run.repair, fill=run.fill)


def new_run(kinds: list[str] | None = None, *, repair: bool = False, fill: bool = False) -> Run:
    """Return a run that is at its beginning; without kinds, through everything."""
    chosen = [name for name in ORDER if kinds is None or name in kinds]
    return Run(utc_now(), chosen, repair=repair, fill=fill, tallies={}, findings=[])
