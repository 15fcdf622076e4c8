"""One look at objects and their rows. A difference seen once is a suspicion: the event may be on its way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing_core.database import Database
from billing_core.dialects import in_chunks
from billing_core.errors import StripeObjectMissing
from billing_core.kinds import Kind
from billing_core.missing_parts import as_fetched
from billing_core.models import BillingCustomer, Invoice, Versioned
from billing_core.ordering import LARGEST_LEAD, State, jsonable
from billing_core.reconcile.findings import NAME_OF, Finding, What, shown
from billing_core.reconcile.seen import Seen, expansions, readable
from billing_core.reconcile.walks import PAGE
from billing_core.reconcile.wanted import Wanted, read_rows, record_of
from billing_core.records import Record
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import StripeApi


@dataclass(frozen=True, slots=True)
class Look:
    """One object and its row at one moment.

    Attributes:
        kind: of object.
        stripe_id: its ID.
        revision: of our row, None if we have none.
        record: what Stripe showed, None if it has no such object.
        finding: in what they differ, None if they do not.
        foreign: whether we have no row because the object is none of our business.
        truth: the record with what Stripe told along, None if it has no such object.
    """

    kind: Kind
    stripe_id: str
    revision: int | None
    record: Record | None
    finding: Finding | None
    foreign: bool = False
    truth: Record | None = None

    def confirms(self, earlier: "Look") -> bool:
        """Whether nothing moved since an earlier look, so that what differed then was not on its way."""
        return self.revision == earlier.revision and self.record == earlier.record and self.finding is not None


class Comparer:
    """Compares objects with rows, and changes neither."""

    def __init__(self, database: Database, stripe: StripeApi, app: str | None) -> None:
        self._database = database
        self._stripe = stripe
        self._app = app

    def compare(self, seen: Sequence[Seen]) -> list[Look]:
        """Compare objects of one kind with their rows.

        Raises:
            DatabaseUnavailable: the database is away or busy.
        """
        return [look for part in in_chunks(seen, PAGE) for look in self._compare(part)]

    @retry_blips
    def _compare(self, seen: Sequence[Seen]) -> list[Look]:
        kind = seen[0].kind
        with named_database_errors(), self._database.read() as session:
            rows = read_rows(session, kind, {one.stripe_id for one in seen})
            wanted = Wanted.of(session, seen, rows, self._app)
            return [_look(one, rows.get(one.stripe_id), wanted) for one in seen]

    def look_at(self, kind: Kind, stripe_id: str) -> Look:
        """Ask Stripe for one object and compare it with its row, which is read after the answer.

        Raises:
            StripeUnavailable: no answer.
            DatabaseUnavailable: the database is away or busy.
        """
        try:
            answer = self._stripe.fetch(f"{kind.path}{stripe_id}", **expansions(kind))
        except StripeObjectMissing:
            return self._gone(kind, stripe_id)
        seen = readable(kind, [answer.obj], answer)
        looks = self.compare([one.asked(self._stripe) for one in seen])
        return looks[0] if looks else Look(kind, stripe_id, None, None, None)

    @retry_blips
    def _gone(self, kind: Kind, stripe_id: str) -> Look:
        with named_database_errors(), self._database.read() as session:
            row = read_rows(session, kind, [stripe_id]).get(stripe_id)
            return Look(kind, stripe_id, row.revision if row else None, None, _of_gone(kind, stripe_id, row))


def _look(one: Seen, row: Versioned | None, wanted: Wanted) -> Look:
    look = Look(one.kind, one.stripe_id, None, one.record, None, truth=wanted.record(one))
    if row is None:
        ours = wanted.is_ours(one)
        return replace(look, foreign=not ours, finding=_finding(one, What.MISSING) if ours else None)
    record = record_of(one.kind, row)
    truth = as_fetched(record, State(wanted.record(one), one.fetched.as_of), row.as_of).record
    values = wanted.values(one, truth)
    fields = shown({name: getattr(row, name) for name in values}, values)
    if row.as_of > one.fetched.as_of + LARGEST_LEAD:
        fields["as_of"] = [jsonable(row.as_of), jsonable(one.fetched.as_of)]
    finding = Finding(NAME_OF[one.kind], one.stripe_id, What.DIFFERS, fields) if fields else None
    return replace(look, revision=row.revision, finding=finding)


def _finding(one: Seen, what: What) -> Finding:
    return Finding(NAME_OF[one.kind], one.stripe_id, what)


def _of_gone(kind: Kind, stripe_id: str, row: Versioned | None) -> Finding | None:
    """Stripe forgets deleted drafts altogether, and says of a deleted customer no more than that it was one."""
    if row is None or (isinstance(row, BillingCustomer) and row.deleted_at):
        return None
    status = row.status if isinstance(row, Invoice) else None
    if status == "deleted":
        return None
    if status == "draft":
        return Finding(NAME_OF[kind], stripe_id, What.DIFFERS, {"status": ["draft", "deleted"]})
    return Finding(NAME_OF[kind], stripe_id, What.UNKNOWN)
