"""What Stripe answered becomes our rows, by the one writer of each kind, in one transaction with the command."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from billing_core.adoption import adopt, orphans_of
from billing_core.apply import apply_fetched
from billing_core.commands.outcome import Outcome
from billing_core.commands.work import Work
from billing_core.database import Database
from billing_core.errors import RaceLost
from billing_core.guard import ABSENT, Held, look_up, read_held
from billing_core.kinds import Kind
from billing_core.links import Parents, as_parents
from billing_core.missing_parts import as_fetched, read_answer
from billing_core.ordering import State
from billing_core.owners import learn_customers, owners_of
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import Fetched, StripeApi

# Webhooks of what we have just done write the same rows at the same time: start over this often.
TRIES = 8


@dataclass(frozen=True)
class Answer:
    """An object as Stripe gave it.

    Attributes:
        kind: of object.
        held: our row as it was before Stripe was asked.
        fetched: what Stripe answered.
        params: to ask with again, should our row change meanwhile.
        known: fields of the record that the object itself leaves out.
    """

    kind: Kind
    held: Held
    fetched: Fetched
    params: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stripe_id(self) -> str:
        """Stripe's ID of the object."""
        stripe_id: str = self.fetched.obj["id"]
        return stripe_id

    @property
    def obj(self) -> dict[str, Any]:
        """The object."""
        return self.fetched.obj

    @property
    def state(self) -> State:
        """What the row is to say."""
        answered = read_answer(self.kind, self.fetched)
        completed = State(replace(answered.record, **self.known), answered.as_of)
        seen = self.held.state.as_of if self.held.state else answered.as_of
        return as_fetched(self.held.record, completed, seen)


OwnIds = Mapping[str, int]
"""Our own IDs by Stripe's."""


class Answers:
    """Reads objects from Stripe, and writes them."""

    def __init__(self, database: Database, stripe: StripeApi, app: str | None) -> None:
        self._database = database
        self._stripe = stripe
        self._app = app

    @retry_blips
    def held(self, kind: Kind, stripe_id: str) -> Held:
        """Return our row; read it before Stripe is asked."""
        with named_database_errors():
            return look_up(self._database, kind, stripe_id)

    def look(self, kind: Kind, stripe_id: str, known: Mapping[str, Any] | None = None, **params: Any) -> Answer:
        """Ask Stripe for an object.

        Raises:
            StripeUnavailable: no answer.
            StripeObjectMissing: there is none.
        """
        held = self.held(kind, stripe_id)
        return Answer(kind, held, self._stripe.fetch(f"{kind.path}{stripe_id}", **params), params, known or {})

    def of_write(self, kind: Kind, held: Held, written: Fetched, known: Mapping[str, Any] | None = None) -> Answer:
        """Return the answer to a POST; one that Stripe repeated is of an earlier moment, so ask for the object anew."""
        if written.replayed:
            return self.look(kind, written.obj["id"], known)
        return Answer(kind, held, written, known=known or {})

    def write(self, answers: Sequence[Answer], also: Callable[[Session, OwnIds], None]) -> None:
        """Write all of them and whatever `also` writes, in one transaction.

        Raises:
            RaceLost: other writers were faster each time.
            DatabaseUnavailable: nothing is known to be written.
            StripeUnavailable: a row changed meanwhile, and Stripe did not say what is true now.
        """
        self._learn_owners(answers)
        for attempt in range(TRIES):
            try:
                self._write(answers, also)
            except RaceLost:
                if attempt == TRIES - 1:
                    raise
                answers = [self.look(one.kind, one.stripe_id, one.known, **one.params) for one in answers]
            else:
                return

    def save(self, work: Work, answers: Sequence[Answer]) -> None:
        """Write them with the command's progress."""
        self.write(answers, lambda session, _own_ids: work.save(session))
        work.committed()

    def finish(self, work: Work, answers: Sequence[Answer], outcome: Callable[[OwnIds], Outcome]) -> None:
        """Write them, and finish the command with what the outcome is, in one commit."""
        self.write(answers, lambda session, own_ids: work.finish(session, outcome(own_ids)))
        work.committed()

    def owner(self, customer: str | None) -> int | None:
        """Return the user of a customer, as far as it has one here."""
        if customer is None:
            return None
        learn_customers(self._database, self._stripe, [customer], self._app)
        with named_database_errors(), self._database.read() as session:
            known = owners_of(session, [customer]).get(customer)
        return known.user_id if known else None

    def _learn_owners(self, answers: Sequence[Answer]) -> None:
        customers = {customer for one in answers if (customer := one.state.record.stripe_customer_id)}
        with named_database_errors():
            unanswered = learn_customers(self._database, self._stripe, customers, self._app)
        for trouble in unanswered.values():
            raise trouble

    def _write(self, answers: Sequence[Answer], also: Callable[[Session, OwnIds], None]) -> None:
        family, own_ids = Parents(), dict[str, int]()
        with named_database_errors(), self._database.write() as session:
            for one in answers:
                applied = apply_fetched(session, one.kind, one.held, one.state, [], self._app)
                family |= applied.parents | as_parents(one.kind, [one.stripe_id])
                own_ids |= _own_id(session, one)
            adopt(session, orphans_of(session, family))
            also(session, own_ids)


def _own_id(session: Session, answer: Answer) -> dict[str, int]:
    held = read_held(session, answer.kind, [answer.stripe_id]).get(answer.stripe_id, ABSENT)
    return {} if held.own_id is None else {answer.stripe_id: held.own_id}
