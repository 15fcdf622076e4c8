"""What an event tells: a fact, or only a notice that there is something to fetch."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing_core.events import StripeEvent
from billing_core.kinds import KIND_OF, Kind
from billing_core.ordering import State
from billing_core.records import Record


@dataclass(frozen=True, slots=True)
class Fact:
    """What one event says.

    Attributes:
        event: the event.
        record: the object's state in it.
        payload: what is kept of the body that Stripe signed; None if nothing is.
        received_at: when the endpoint accepted it.
        attempts: how often a worker has taken it up.
        app: the application that the object's metadata names.
        fetched_at: set if the event told no state, and the record is Stripe's answer as of then.
    """

    event: StripeEvent
    record: Record
    payload: str | None
    received_at: datetime
    attempts: int
    app: str | None = None
    fetched_at: datetime | None = None

    @property
    def state(self) -> State:
        """The state at the moment of the event, or of the answer."""
        return State(self.record, self.fetched_at or self.event.as_of)

    @property
    def kind(self) -> Kind:
        """What kind of object it is."""
        return KIND_OF[type(self.record)]

    @property
    def object_id(self) -> str:
        """Stripe's ID of the object."""
        return self.kind.stripe_id(self.record)


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask Stripe: a path and its parameters; a list stands for its first.

    `ended_at` is set if the event itself says that the object ended then.
    """

    path: str
    params: dict[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that names an object without its state: the worker fetches it.

    Attributes:
        event: the event.
        kind: what kind of object to fetch.
        query: how.
        payload: what is kept of the body that Stripe signed.
        received_at: when the endpoint accepted it.
        attempts: how often a worker has taken it up.
    """

    event: StripeEvent
    kind: Kind
    query: Query
    payload: str
    received_at: datetime
    attempts: int
