"""From facts to rows: complete them, commit them, settle ties with Stripe. No transaction is open over the network."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from billing_core.adoption import adopt_once_more
from billing_core.apply import Applied, apply_facts, apply_fetched
from billing_core.database import Database
from billing_core.errors import RaceLost, RetryLater, StripeObjectMissing, StripeUnavailable
from billing_core.facts import Fact, Notice
from billing_core.guard import Held, look_up, look_up_all
from billing_core.kinds import Kind
from billing_core.links import Parents
from billing_core.missing_parts import as_fetched, complete, lacks_parts, read_answer
from billing_core.ordering import Outcome, State, fold, latest_without_stripe
from billing_core.owners import UnknownCustomers, learn_customers
from billing_core.records import InvoiceRecord
from billing_core.retry import named_database_errors, retry_blips
from billing_core.shapes import app_of
from billing_core.stripe_api import StripeApi

T = TypeVar("T", Fact, Fact | Notice)


@dataclass(slots=True)
class Processed:
    """What became of each event by its ID: an outcome, or the trouble that makes it worth another try."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    later: dict[str, RetryLater] = field(default_factory=dict)


class Processor:
    """Applies facts, from whatever source they come."""

    def __init__(self, database: Database, stripe: StripeApi, app: str | None = None) -> None:
        """Take the application that we are among several in one Stripe account, or None for the only one."""
        self._database = database
        self._stripe = stripe
        self._app = app

    def process(self, told: Sequence[Fact | Notice]) -> Processed:
        """Apply what the events tell and commit.

        Raises:
            DatabaseUnavailable: none of them is known to be applied; all are safe to try again.
            RaceLost: the same, because other writers were faster each time.
            Exception: one of them is poison; none is applied.
        """
        processed = Processed()
        facts = self._prepare(told, processed)
        if facts:
            applied = self._commit_known(facts, processed)
            processed.outcomes |= applied.outcomes
            adopt_once_more(self._database, applied.parents | self._settle_ties(applied.ties, processed))
        return processed

    def _prepare(self, told: Sequence[Fact | Notice], processed: Processed) -> list[Fact]:
        """Ask Stripe for what the events leave out; those it cannot answer now are put off, the others are not."""
        facts = self._each(told, lambda one: self._fetch(one) if isinstance(one, Notice) else one, processed)
        held = self._held_of([fact for fact in facts if lacks_parts(fact.record)])
        return self._each(facts, lambda fact: self._complete(fact, held.get(fact.object_id)), processed)

    def _each(self, told: Sequence[T], ask: Callable[[T], Fact], processed: Processed) -> list[Fact]:
        facts = list[Fact]()
        for one in told:
            try:
                facts.append(ask(one))
            except StripeUnavailable as error:
                processed.later[one.event.id] = error
        return facts

    def _complete(self, fact: Fact, held: Held | None) -> Fact:
        record = complete(self._stripe, held.record if held else None, fact.record)
        return fact if record is fact.record else replace(fact, record=record)

    def _held_of(self, facts: Sequence[Fact]) -> dict[str, Held]:
        by_kind = defaultdict[Kind, set[str]](set)
        for fact in facts:
            by_kind[fact.kind].add(fact.object_id)
        with named_database_errors():
            found = [look_up_all(self._database, kind, stripe_ids) for kind, stripe_ids in by_kind.items()]
        return {stripe_id: held for one in found for stripe_id, held in one.items()}

    def _fetch(self, notice: Notice) -> Fact:
        """Turn a notice into a fact by asking Stripe, whose answer is no older than the event."""
        try:
            fetched = self._stripe.fetch(notice.query.path, **notice.query.params)
        except StripeObjectMissing:
            return self._gone(notice)
        answer = read_answer(notice.kind, fetched)
        held = self._held(notice.kind, notice.kind.stripe_id(answer.record))
        state = as_fetched(held.record, answer, notice.event.as_of, notice.query.ended_at)
        return Fact(
            notice.event,
            state.record,
            notice.payload,
            notice.received_at,
            notice.attempts,
            app_of(fetched.obj),
            state.as_of,
        )

    def _gone(self, notice: Notice) -> Fact:
        """A draft invoice that was deleted leaves nothing at Stripe: all we know of it is what we hold."""
        held = self._held(notice.kind, notice.event.object_id or "")
        if not isinstance(held.record, InvoiceRecord):
            raise StripeObjectMissing(f"{notice.event.id}: Stripe has no {notice.event.object_id}, and neither have we")
        record = replace(held.record, status="deleted")
        return Fact(notice.event, record, notice.payload, notice.received_at, notice.attempts)

    def _held(self, kind: Kind, object_id: str) -> Held:
        with named_database_errors():
            return look_up(self._database, kind, object_id)

    def _commit_known(self, facts: Sequence[Fact], processed: Processed) -> Applied:
        """Commit; if that meets customers of whom we never heard, ask Stripe about them first."""
        try:
            return self._commit(facts)
        except UnknownCustomers as unknown:
            with named_database_errors():
                unanswered = learn_customers(self._database, self._stripe, unknown.customers, self._app)
        late = {fact.event.id: unanswered.get(fact.record.stripe_customer_id or "") for fact in facts}
        processed.later |= {event_id: trouble for event_id, trouble in late.items() if trouble}
        return self._commit([fact for fact in facts if fact.event.id not in processed.later])

    @retry_blips
    def _commit(self, facts: Sequence[Fact]) -> Applied:
        with named_database_errors(), self._database.write() as session:
            return apply_facts(session, facts, self._app)

    def _settle_ties(self, ties: Sequence[Fact], processed: Processed) -> Parents:
        parents = Parents()
        by_object: defaultdict[tuple[Kind, str], list[Fact]] = defaultdict(list)
        for fact in ties:
            by_object[fact.kind, fact.object_id].append(fact)
        for (kind, object_id), facts in by_object.items():
            try:
                applied = self._settle_tie(kind, object_id, facts)
            except (StripeUnavailable, RaceLost) as error:
                processed.later |= {fact.event.id: error for fact in facts}
            else:
                processed.outcomes |= applied.outcomes
                parents |= applied.parents
                # Tied once more with what came while we asked: the next delivery decides.
                processed.later |= {fact.event.id: RaceLost(f"{fact.event.id}: tied again") for fact in applied.ties}
        return parents

    @retry_blips
    def _settle_tie(self, kind: Kind, object_id: str, facts: Sequence[Fact]) -> Applied:
        """Let Stripe say which of the states of one second is the truth; start over if our row moves meanwhile."""
        held = self._held(kind, object_id)
        if not fold(held.state, facts).ties:  # overtaken meanwhile by a newer event, which no answer may overwrite
            return self._commit(facts)
        state = self._truth(kind, object_id, held, facts)
        with named_database_errors(), self._database.write() as session:
            return apply_fetched(session, kind, held, state, facts, self._app)

    def _truth(self, kind: Kind, object_id: str, held: Held, facts: Sequence[Fact]) -> State:
        """Fetch the object; what we have seen of it happened before, so the answer is no older than that."""
        seen = [fact.state for fact in facts] + ([held.state] if held.state else [])
        if not self._stripe.configured:
            return latest_without_stripe(seen)
        try:
            fetched = self._stripe.fetch(f"{kind.path}{object_id}")
        except StripeObjectMissing:
            return latest_without_stripe(seen)
        return as_fetched(held.record, read_answer(kind, fetched), max(state.as_of for state in seen))
