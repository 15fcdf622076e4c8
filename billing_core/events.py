"""A Stripe event as the workers read it. https://docs.stripe.com/api/events/object"""

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from billing_core.errors import MalformedEvent
from billing_core.event_types import THIN

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
    related_id: str | None = None  # the object that a thin event is about; its data is empty

    @property
    def as_of(self) -> datetime:
        """The moment of the state that the event carries."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def object_id(self) -> str | None:
        """Stripe's ID of the object that the event is about, as far as the event is readable."""
        found = self.related_id or self.data.object.get("id")
        return found if isinstance(found, str) else None

    @property
    def cause(self) -> EventRequest:
        """The API call that caused the event; empty for what Stripe did by itself."""
        return self.request if isinstance(self.request, EventRequest) else EventRequest(id=self.request)


class RelatedObject(msgspec.Struct):
    """The object that a thin event is about."""

    id: str


class ThinReason(msgspec.Struct):
    """What caused a thin event."""

    request: EventRequest | None = None


class ThinEvent(msgspec.Struct, frozen=True):
    """An event that names its object and does not carry it. https://docs.stripe.com/api/v2/core/events/object"""

    id: str
    type: str
    created: datetime
    livemode: bool
    related_object: RelatedObject
    reason: ThinReason | None = None

    def as_event(self) -> StripeEvent:
        """Return it in the form of the others, under the type's usual name."""
        return StripeEvent(
            id=self.id,
            type=self.type.removeprefix(THIN),
            created=int(self.created.timestamp()),
            livemode=self.livemode,
            data=EventData(object={}),
            request=self.reason.request if self.reason else None,
            related_id=self.related_object.id,
        )


class _Form(msgspec.Struct):
    object: str = "event"


_decoder = msgspec.json.Decoder()


class ReadEvent(NamedTuple):
    """An event, and the whole body that it was read from; the event's object is a part of the body."""

    event: StripeEvent
    body: dict[str, Any]


def read_event(event_id: str, payload: bytes) -> ReadEvent:
    """Read an event from the body that Stripe signed.

    Raises:
        MalformedEvent: it lacks what every event has.
    """
    try:
        body = _decoder.decode(payload.decode())
        try:
            return ReadEvent(msgspec.convert(body, StripeEvent), body)
        except msgspec.ValidationError:
            if msgspec.convert(body, _Form).object != "v2.core.event":
                raise
            return ReadEvent(msgspec.convert(body, ThinEvent).as_event(), body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedEvent(f"{event_id} is no Stripe event: {error}") from error


def decode_event(event_id: str, payload: bytes) -> StripeEvent:
    """Read an event, and nothing else, from the body that Stripe signed.

    Raises:
        MalformedEvent: it lacks what every event has.
    """
    return read_event(event_id, payload).event
