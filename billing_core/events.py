"""A Stripe event as the workers read it. https://docs.stripe.com/api/events/object"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from billing_core.errors import MalformedEvent

# Until the end of the year 9999, beyond which neither Python nor any of the databases has a date.
UnixTime = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class EventData(msgspec.Struct):
    """The object as it was when the event happened, and the former values of what an update changed."""

    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class EventRequest(msgspec.Struct):
    """The API call that caused the event, if one did."""

    id: str | None = None
    idempotency_key: str | None = None


class StripeEvent(msgspec.Struct, frozen=True):
    """An event; `created` is UTC seconds, as coarse as Stripe's own clock for events."""

    id: str
    type: str
    created: UnixTime
    livemode: bool
    data: EventData
    api_version: str | None = None
    request: EventRequest | str | None = None  # the ID alone before 2017-05-25

    @property
    def as_of(self) -> datetime:
        """The moment of the state that the event carries."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def cause(self) -> EventRequest:
        """The API call that caused the event; empty for what Stripe did by itself."""
        return self.request if isinstance(self.request, EventRequest) else EventRequest(id=self.request)


_decoder = msgspec.json.Decoder(StripeEvent)


def decode_event(event_id: str, payload: bytes) -> StripeEvent:
    """Read an event from the body that Stripe signed.

    Raises:
        MalformedEvent: it lacks what every event has.
    """
    try:
        return _decoder.decode(payload.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedEvent(f"{event_id} is no Stripe event: {error}") from error
