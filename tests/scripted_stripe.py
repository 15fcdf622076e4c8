"""Stripe's API without HTTP, for what must happen at one exact moment of a request."""

from collections.abc import Callable
from typing import Any

from billing_core.database import Database
from billing_core.errors import StripeObjectMissing, StripeUnavailable
from billing_core.stripe_api import Fetched, StripeApi
from tests.building import Json, moment


class ScriptedStripe(StripeApi):
    """Answers GETs from `objects`, keyed by path.

    Attributes:
        objects: what Stripe holds, by path.
        as_of: the moment of every answer, in seconds after T0.
        asked: the paths asked for, in order.
        failing: an error to raise by path, or by "*" for all.
        meanwhile: by path, what happens once, after Stripe has read the object and before the answer arrives.
        watched: whose connections must all be free whenever Stripe is asked.
        has_key: whether we have a key to ask with.
    """

    def __init__(self, *, watched: Database | None = None, as_of: float = 0) -> None:
        super().__init__(None, "", timeout=1, max_retries=0)
        self.objects = dict[str, Json]()
        self.as_of = as_of
        self.asked = list[str]()
        self.failing = dict[str, Exception]()
        self.meanwhile = dict[str, Callable[[], object]]()
        self.watched = watched
        self.has_key = True

    @property
    def configured(self) -> bool:
        return self.has_key

    def holds(self, path: str, obj: Json) -> None:
        self.objects[path] = obj

    def fetch(self, path: str, **params: Any) -> Fetched:
        self.asked.append(path)
        assert self.watched is None or self.watched.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool's
        if failure := self.failing.get(path) or self.failing.get("*"):
            raise failure
        answer, as_of = self.objects.get(path), moment(self.as_of)
        if happens := self.meanwhile.pop(path, None):
            happens()
        if answer is None:
            raise StripeObjectMissing(f"GET {path}: InvalidRequestError 404 resource_missing")
        return Fetched(answer, as_of)


def down() -> StripeUnavailable:
    return StripeUnavailable("GET: APIConnectionError")
