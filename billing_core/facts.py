"""A fact: one event, and the state of one object that it tells."""

from dataclasses import dataclass
from datetime import datetime

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
        payload: the body that Stripe signed.
        received_at: when the endpoint accepted it.
        attempts: how often a worker has taken it up.
    """

    event: StripeEvent
    record: Record
    payload: str
    received_at: datetime
    attempts: int

    @property
    def state(self) -> State:
        """The state at the moment of the event."""
        return State(self.record, self.event.as_of)

    @property
    def kind(self) -> Kind:
        """What kind of object it is."""
        return KIND_OF[type(self.record)]

    @property
    def object_id(self) -> str:
        """Stripe's ID of the object."""
        return self.kind.stripe_id(self.record)
