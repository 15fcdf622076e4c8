"""Stripe's list of events, newest first: https://docs.stripe.com/api/events/list"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from billing_core.event_types import EVENT_TYPES, FAMILY_OF
from billing_core.inbox import AcceptedEvent
from billing_core.stripe_api import StripeApi

# Stripe forgets older ones.
KEPT = timedelta(days=30)

_PATH = "/v1/events"
_PAGE = 100  # the most that Stripe gives at once
_TYPES = 20  # the most that Stripe takes in one filter


class ListedEvent(NamedTuple):
    """An event as Stripe lists it; `created` is in Unix seconds."""

    accepted: AcceptedEvent
    event_type: str
    created: int

    @property
    def event_id(self) -> str:
        """Stripe's ID."""
        return self.accepted.event_id


def stripe_now(stripe: StripeApi) -> datetime:
    """Return a moment, by Stripe's clock, up to which Stripe's list is complete.

    Raises:
        StripeUnavailable: as of `StripeApi.fetch`.
    """
    return stripe.fetch(_PATH, limit=1).as_of


def pages(stripe: StripeApi, begin: datetime, end: datetime | None, *, livemode: bool) -> Iterator[list[ListedEvent]]:
    """Yield what happened in between, of the types that we handle and of our mode.

    Args:
        stripe: whom to ask, once a page.
        begin: first moment, in whole seconds.
        end: last moment, or None for all that has happened by then.
        livemode: of events of the other mode nothing is told, as at the endpoint.

    Raises:
        StripeUnavailable: as of `StripeApi.fetch`.
    """
    created = {"gte": int(begin.timestamp())} | ({"lte": int(end.timestamp())} if end else {})
    names = [event_type.name for event_type in EVENT_TYPES]
    for start in range(0, len(names), _TYPES):
        filters = {"types": names[start : start + _TYPES], "created": created, "limit": _PAGE}
        for objects in _objects(stripe, filters):
            yield [_listed(event) for event in objects if event["livemode"] is livemode]


def _objects(stripe: StripeApi, filters: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """What happens meanwhile comes before the cursor and moves no page."""
    cursor = dict[str, str]()
    more = True
    while more:
        answer = stripe.fetch(_PATH, **filters, **cursor).obj
        found: list[dict[str, Any]] = answer["data"]
        yield found
        more = answer["has_more"] and bool(found)
        cursor = {"starting_after": found[-1]["id"]} if found else {}


def _listed(event: dict[str, Any]) -> ListedEvent:
    accepted = AcceptedEvent(event["id"], FAMILY_OF[event["type"]], msgspec.json.encode(event))
    return ListedEvent(accepted, event["type"], event["created"])
