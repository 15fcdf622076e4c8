"""From facts to rows: complete them, commit them, settle ties with Stripe. No transaction is open over the network."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from billing_core.apply import Applied, apply_facts, apply_fetched
from billing_core.database import Database
from billing_core.errors import RaceLost, RetryLater, StripeObjectMissing, StripeUnavailable
from billing_core.facts import Fact
from billing_core.guard import ABSENT, Held, read_held
from billing_core.kinds import Kind
from billing_core.links import Parents, adopt, orphans_of
from billing_core.missing_parts import as_fetched, complete
from billing_core.ordering import Outcome, State
from billing_core.owners import learn_customers
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import StripeApi


@dataclass(slots=True)
class Processed:
    """What became of each event by its ID: an outcome, or the trouble that makes it worth another try."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    later: dict[str, RetryLater] = field(default_factory=dict)


class Processor:
    """Applies facts, from whatever source they come."""

    def __init__(self, database: Database, stripe: StripeApi) -> None:
        self._database = database
        self._stripe = stripe

    def process(self, facts: Sequence[Fact]) -> Processed:
        """Apply the facts and commit.

        Raises:
            DatabaseUnavailable: none of them is known to be applied; all are safe to try again.
            RaceLost: the same, because other writers were faster each time.
            Exception: one of them is poison; none is applied.
        """
        processed = Processed()
        facts = self._prepare(facts, processed)
        if facts:
            applied = self._commit(facts)
            processed.outcomes |= applied.outcomes
            self._adopt(applied.parents | self._settle_ties(applied.ties, processed))
        return processed

    def _prepare(self, facts: Sequence[Fact], processed: Processed) -> list[Fact]:
        """Ask Stripe for what the facts leave out; those it cannot answer now are put off, the others are not."""
        completed = list[Fact]()
        for fact in facts:
            try:
                with named_database_errors():
                    record = complete(self._database, self._stripe, fact.record)
            except StripeUnavailable as error:
                processed.later[fact.event.id] = error
            else:
                completed.append(replace(fact, record=record))
        customers = {customer for fact in completed if (customer := fact.record.stripe_customer_id)}
        with named_database_errors():
            unanswered = learn_customers(self._database, self._stripe, customers)
        for fact in completed:
            if trouble := unanswered.get(fact.record.stripe_customer_id or ""):
                processed.later[fact.event.id] = trouble
        return [fact for fact in completed if fact.event.id not in processed.later]

    @retry_blips
    def _commit(self, facts: Sequence[Fact]) -> Applied:
        with named_database_errors(), self._database.write() as session:
            return apply_facts(session, facts)

    def _settle_ties(self, ties: Sequence[Fact], processed: Processed) -> Parents:
        parents = Parents()
        by_object: defaultdict[tuple[Kind, str], list[Fact]] = defaultdict(list)
        for fact in ties:
            by_object[fact.kind, fact.object_id].append(fact)
        for (kind, object_id), facts in by_object.items():
            try:
                parents |= self._settle_tie(kind, object_id, facts)
            except (StripeUnavailable, RaceLost) as error:
                processed.later |= {fact.event.id: error for fact in facts}
            else:
                processed.outcomes |= {fact.event.id: Outcome.TIE for fact in facts}
        return parents

    @retry_blips
    def _settle_tie(self, kind: Kind, object_id: str, facts: Sequence[Fact]) -> Parents:
        """Let Stripe say which of the states of one second is the truth; start over if our row moves meanwhile."""
        with named_database_errors(), self._database.read() as session:
            held = read_held(session, kind, [object_id]).get(object_id, ABSENT)
        state = self._truth(kind, object_id, held, facts)
        with named_database_errors(), self._database.write() as session:
            return apply_fetched(session, kind, held, state, facts)

    def _truth(self, kind: Kind, object_id: str, held: Held, facts: Sequence[Fact]) -> State:
        """Fetch the object; what we have seen of it happened before, so the answer is no older than that."""
        seen = [fact.state for fact in facts] + ([held.state] if held.state else [])
        try:
            fetched = self._stripe.fetch(f"{kind.path}{object_id}")
        except StripeObjectMissing:
            # Gone at Stripe, so there is no truth to ask for: any order will do that does not depend on arrival.
            return max(seen, key=lambda state: (state.rank, repr(state.record)))
        answer = State(kind.read(fetched.obj), fetched.as_of)
        return as_fetched(held.record, answer, max(state.as_of for state in seen))

    @retry_blips
    def _adopt(self, parents: Parents) -> None:
        """Link children that came before their parents.

        Parent and child may be committed at the same time by two workers that do not see each other: whoever
        commits last sees the other here, because each looks once more after its own commit.
        """
        if not parents:
            return
        with named_database_errors(), self._database.read() as session:
            orphans = orphans_of(session, parents)
        if orphans:
            with named_database_errors(), self._database.write() as session:
                adopt(session, orphans)
