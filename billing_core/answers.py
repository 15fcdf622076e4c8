"""What Stripe answered becomes our rows, by the one writer of each kind: for commands, and for reconcile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from billing_core.adoption import adopt, adopt_once_more, orphans_of
from billing_core.apply import write_fetched
from billing_core.database import Database
from billing_core.errors import RaceLost
from billing_core.guard import ABSENT, Held, read_held
from billing_core.kinds import CUSTOMER, Kind
from billing_core.links import Parents, as_parents
from billing_core.missing_parts import as_fetched, read_answer
from billing_core.ordering import LARGEST_LEAD, State
from billing_core.owners import learn_customers, owners_of
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import Fetched, StripeApi

# Webhooks of what we have just done write the same rows at the same time: start over this often.
TRIES = 8

OwnIds = Mapping[str, int]
"""Our own IDs by Stripe's."""

Also = Callable[[Session, OwnIds], None]
"""What else is written in the same transaction."""


@dataclass(frozen=True)
class Answer:
    """An object as Stripe gave it.

    Attributes:
        kind: of object.
        held: our row as it was before Stripe was asked.
        fetched: what Stripe answered.
        params: to ask with again, should our row change meanwhile.
        known: fields of the record that the object itself leaves out.
        overrules: whether it counts even where our row says that the object is over, or is of a moment to come:
            reconcile has seen twice that Stripe says otherwise.
    """

    kind: Kind
    held: Held
    fetched: Fetched
    params: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    overrules: bool = False

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
        if self.overrules and seen > answered.as_of + LARGEST_LEAD:
            seen = answered.as_of
        return as_fetched(self.held.record, completed, seen)


class Answers:
    """Reads objects from Stripe, and writes them."""

    def __init__(self, database: Database, stripe: StripeApi, app: str | None) -> None:
        self._database = database
        self._stripe = stripe
        self._app = app

    @retry_blips
    def held(self, kind: Kind, stripe_id: str) -> Held:
        """Return our row; read it before Stripe is asked."""
        with named_database_errors(), self._database.read() as session:
            return read_held(session, kind, [stripe_id]).get(stripe_id, ABSENT)

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

    def write(self, answers: Sequence[Answer], also: Also | None = None) -> None:
        """Write all of them and whatever `also` writes, in one transaction.

        Raises:
            RaceLost: other writers were faster each time.
            DatabaseUnavailable: nothing is known to be written.
            StripeUnavailable: a row changed meanwhile, and Stripe did not say what is true now.
        """
        for attempt in range(TRIES):
            try:
                self.write_unchanged(answers, also)
            except RaceLost:
                if attempt == TRIES - 1:
                    raise
                answers = [self._look_again(one) for one in answers]
            else:
                return

    def write_unchanged(self, answers: Sequence[Answer], also: Also | None = None) -> None:
        """Write all of them in one transaction if none of the rows has changed.

        Raises:
            RaceLost: one has; nothing is written.
            DatabaseUnavailable: nothing is known to be written.
            StripeUnavailable: Stripe did not say whose they are.
        """
        self._learn_owners(answers)
        family, own_ids = Parents(), dict[str, int]()
        with named_database_errors(), self._database.write() as session:
            for (kind, overrule), group in groupby(answers, key=lambda one: (one.kind, one.overrules)):
                states = [(one.held, one.state) for one in group]
                written = write_fetched(session, kind, states, self._app, overrule=overrule)
                family |= written.parents | as_parents(kind, written.own_ids)
                own_ids |= written.own_ids
            adopt(session, orphans_of(session, family))
            if also:
                also(session, own_ids)
        adopt_once_more(self._database, family)

    def owner(self, customer: str | None) -> int | None:
        """Return the user of a customer, as far as it has one here."""
        if customer is None:
            return None
        learn_customers(self._database, self._stripe, [customer], self._app)
        with named_database_errors(), self._database.read() as session:
            known = owners_of(session, [customer]).get(customer)
        return known.user_id if known else None

    def _look_again(self, one: Answer) -> Answer:
        return replace(self.look(one.kind, one.stripe_id, one.known, **one.params), overrules=one.overrules)

    def _learn_owners(self, answers: Sequence[Answer]) -> None:
        records = [one.state.record for one in answers if one.kind is not CUSTOMER]
        customers = {record.stripe_customer_id for record in records if record.stripe_customer_id}
        with named_database_errors():
            unanswered = learn_customers(self._database, self._stripe, customers, self._app)
        for trouble in unanswered.values():
            raise trouble
