"""Through one of Stripe's lists, newest first, and through the rows of the same time that the list did not show."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from billing_core.database import Database
from billing_core.errors import StripeRefused
from billing_core.kinds import INVOICE_PAYMENT, SUBSCRIPTION, Kind
from billing_core.reconcile.seen import expansions, readable
from billing_core.reconcile.walks import PAGE, Place, Step
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import Fetched, StripeApi

# What Stripe leaves out unless asked, and what we do not keep: payments that were only tried.
_FILTERS: dict[Kind, dict[str, Any]] = {SUBSCRIPTION: {"status": "all"}, INVOICE_PAYMENT: {"status": "paid"}}


class ListWalk:
    """A step is a page, or rows made in the time that the last page spans.

    Places: `{after, until, known}` stands before a page: after this ID, whose object was made at `until`; `known` are
    the IDs seen of that second. `{…, since, row, page}` stands in the rows made after `since` and up to `until`, behind
    our ID `row`; `page` is where to go on then.
    """

    def __init__(self, database: Database, stripe: StripeApi, kind: Kind) -> None:
        self._database = database
        self._stripe = stripe
        self.kind = kind
        # Customers have no column for it; rows that Stripe does not know are found when their cards are asked for.
        self._dated = hasattr(kind.model, "stripe_created_at")

    def step(self, place: Place) -> Step:
        """Look at a page or at rows."""
        return self._rows(place) if "page" in place else self._page(place)

    def _page(self, place: Place) -> Step:
        answer = self._fetch(place)
        objects, more = answer.obj["data"], bool(answer.obj["has_more"])
        seen = readable(self.kind, objects, answer)
        since = objects[-1]["created"] if more else None
        onward = _after(objects, place) if more else None
        if self._dated:
            known = [*place.get("known", ()), *(obj["id"] for obj in objects)]
            onward = {"since": since, "until": place.get("until"), "row": 0, "known": known, "page": onward}
        return Step(seen, [], onward, len(objects) - len(seen))

    def _fetch(self, place: Place) -> Fetched:
        asked = _FILTERS.get(self.kind, {}) | expansions(self.kind, "data.") | {"limit": PAGE}
        path = self.kind.path.rstrip("/")
        if "after" not in place:
            return self._stripe.fetch(path, **asked)
        try:
            return self._stripe.fetch(path, **asked, starting_after=place["after"])
        except StripeRefused as error:
            if error.param != "starting_after":
                raise
        # It was deleted meanwhile. From its moment on, a few are seen twice.
        return self._stripe.fetch(path, **asked, created={"lte": place["until"]})

    def _rows(self, place: Place) -> Step:
        rows, known = self._made(place), set(place["known"])
        unseen = [(self.kind, stripe_id) for _, stripe_id in rows if stripe_id not in known]
        onward: Place | None = place | {"row": rows[-1][0]} if len(rows) == PAGE else place["page"]
        return Step([], unseen, onward)

    @retry_blips
    def _made(self, place: Place) -> list[tuple[int, str]]:
        own_id, made = self.kind.attribute(self.kind.primary_key), self.kind.attribute("stripe_created_at")
        query = select(own_id, self.kind.attribute(self.kind.stripe_key)).where(own_id > place["row"])
        if place["since"] is not None:
            query = query.where(made > datetime.fromtimestamp(place["since"], UTC))
        if place["until"] is not None:
            query = query.where(made <= datetime.fromtimestamp(place["until"], UTC))
        with named_database_errors(), self._database.read() as session:
            return [(number, stripe_id) for number, stripe_id in session.execute(query.order_by(own_id).limit(PAGE))]


def _after(objects: list[dict[str, Any]], place: Place) -> Place:
    """Return the place before the next page; a second can go on there."""
    since = objects[-1]["created"]
    known = [obj["id"] for obj in objects if obj["created"] == since]
    if since == place.get("until"):
        known = [*place["known"], *known]
    return {"after": objects[-1]["id"], "until": since, "known": known}
