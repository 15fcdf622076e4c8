"""Stripe's word over ours, by the writer that events use. A repaired row is compared once more before it counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from billing_core.answers import Answer, Answers
from billing_core.apply import write_fetched
from billing_core.database import Database
from billing_core.dialects import in_chunks
from billing_core.errors import RetryLater, StripeObjectMissing
from billing_core.guard import ABSENT
from billing_core.kinds import Kind
from billing_core.missing_parts import OfCharge, ask_about_charge
from billing_core.ordering import State
from billing_core.reconcile.compare import Comparer, Look
from billing_core.reconcile.findings import NAME_OF, Finding, What
from billing_core.reconcile.seen import Seen
from billing_core.reconcile.walks import PAGE
from billing_core.records import InvoiceRecord, Record
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import StripeApi

log = structlog.get_logger()


class Repairer:
    """Writes rows so that they say what Stripe says."""

    def __init__(self, database: Database, stripe: StripeApi, app: str | None) -> None:
        self._database = database
        self._stripe = stripe
        self._app = app
        self._answers = Answers(database, stripe, app)
        self._comparer = Comparer(database, stripe, app)

    def insert(self, seen: Sequence[Seen]) -> int:
        """Write rows that are missing of these objects of one kind, a page in one transaction if it can be.

        Returns:
            How many.

        Raises:
            RaceLost: webhooks were faster each time.
            DatabaseUnavailable: nothing is known to be written.
            StripeUnavailable: Stripe did not say whose they are.
        """
        return sum(self._insert_page(page) for page in in_chunks(seen, PAGE))

    def _insert_page(self, seen: Sequence[Seen]) -> int:
        try:
            return self._insert(seen)
        except RetryLater:
            raise
        except Exception:  # noqa: BLE001  (one of them is poison, whatever it is: it must not hold back the others)
            return sum(self._insert_alone(one) for one in seen)

    def _insert_alone(self, one: Seen) -> int:
        try:
            return self._insert([one])
        except RetryLater:
            raise
        except Exception:
            log.exception("reconcile.write_failed", kind=NAME_OF[one.kind], object_id=one.stripe_id)
            return 0

    @retry_blips
    def _insert(self, seen: Sequence[Seen]) -> int:
        looks = {look.stripe_id: look for look in self._comparer.compare(seen) if is_missing(look)}
        answers = [
            Answer(one.kind, ABSENT, one.fetched, known=self._known(looks[one.stripe_id].truth))
            for one in {one.stripe_id: one for one in seen}.values()
            if one.stripe_id in looks
        ]
        if answers:
            self._answers.write_unchanged(answers)
        return len(answers)

    def repair(self, kind: Kind, finding: Finding) -> Finding:
        """Correct a row, and say whether it is correct now. A row that Stripe does not know stays.

        Raises:
            RaceLost: webhooks were faster each time.
            DatabaseUnavailable: nothing is known to be written.
            StripeUnavailable: no answer.
        """
        if finding.what is What.UNKNOWN:
            return finding
        try:
            self._write(kind, finding.stripe_id)
        except RetryLater:
            raise
        except Exception:
            log.exception("reconcile.write_failed", kind=NAME_OF[kind], object_id=finding.stripe_id)
            return finding
        left = self._comparer.look_at(kind, finding.stripe_id).finding
        if left:
            log.error(
                "reconcile.repair_failed", kind=NAME_OF[kind], object_id=left.stripe_id, fields=sorted(left.fields)
            )
            return finding
        log.warning(
            "reconcile.repaired", kind=NAME_OF[kind], object_id=finding.stripe_id, fields=sorted(finding.fields)
        )
        return Finding(finding.kind, finding.stripe_id, finding.what, finding.fields, repaired=True)

    @retry_blips
    def _write(self, kind: Kind, stripe_id: str) -> None:
        try:
            answer = self._answers.look(kind, stripe_id)
        except StripeObjectMissing:
            self._mark_deleted(kind, stripe_id)
        else:
            known = self._known(kind.read(answer.obj))
            self._answers.write([replace(answer, known=known, overrules=True)])

    def _mark_deleted(self, kind: Kind, stripe_id: str) -> None:
        """A draft that Stripe does not know was deleted: nothing else makes an invoice vanish."""
        held = self._answers.held(kind, stripe_id)
        if held.state and isinstance(held.record, InvoiceRecord) and held.record.status == "draft":
            state = State(replace(held.record, status="deleted"), held.state.as_of)
            with named_database_errors(), self._database.write() as session:
                write_fetched(session, kind, [(held, state)], self._app)

    def _known(self, record: Record | None) -> dict[str, Any]:
        """Return what a dispute or refund leaves out."""
        if not isinstance(record, OfCharge):
            return {}
        if record.stripe_customer_id is None or record.stripe_invoice_id is None:
            record = ask_about_charge(self._stripe, record)
        return {"stripe_customer_id": record.stripe_customer_id, "stripe_invoice_id": record.stripe_invoice_id}


def is_missing(look: Look) -> bool:
    """Whether we lack a row that we should have."""
    return look.finding is not None and look.finding.what is What.MISSING
