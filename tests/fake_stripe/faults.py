"""Failures on demand: error answers, delays, severed connections, the whole API down."""

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.fake_stripe.errors import StripeFailure

MESSAGES = {
    429: ("invalid_request_error", "Request rate limit exceeded.", "rate_limit"),
    500: ("api_error", "An unknown error occurred.", None),
    503: ("api_error", "Stripe is temporarily unavailable.", None),
}


@dataclass
class Fault:
    """What to do to the next `times` requests that match.

    `path` is a shell pattern (`/v1/subscriptions*`). With `status` the error is answered, and the
    request is not executed unless `executed` says so; delays are in seconds, before executing or between executing
    and answering; `drop` executes and then severs the connection. `stored` says whether the error is kept under the
    request's idempotency key: by default a 500 is, as with Stripe, and a 429 or 503 is not.
    """

    status: int | None = None
    times: int = 1
    method: str | None = None
    path: str = "*"
    latency_before: float = 0
    latency_after: float = 0
    drop: bool = False
    retry_after: float | None = None
    should_retry: bool | None = None
    stored: bool | None = None
    executed: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault is meant for that request."""
        return self.method in (None, method) and fnmatchcase(path, self.path)

    @property
    def is_stored(self) -> bool:
        """Whether the error answer is replayed to the same idempotency key."""
        return self.status == 500 if self.stored is None else self.stored

    def failure(self) -> StripeFailure:
        """Return the error to answer."""
        kind, message, code = MESSAGES.get(self.status or 500, ("api_error", "Injected fault.", None))
        return StripeFailure(self.status or 500, kind, message, code=code)

    def headers(self) -> dict[str, str]:
        """Return Retry-After and Stripe-Should-Retry as configured."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        if self.should_retry is not None:
            headers["Stripe-Should-Retry"] = str(self.should_retry).lower()
        return headers


class Faults:
    """The faults waiting for their requests. `down` severs every API connection unanswered."""

    def __init__(self) -> None:
        self.down = False
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, **fields: Any) -> Fault:
        """Let the next matching requests fail as described by `Fault`'s fields."""
        fault = Fault(**fields)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every waiting fault and bring the API up."""
        with self._lock:
            self._waiting.clear()
        self.down = False

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one occurrence of the first fault meant for this request."""
        with self._lock:
            for fault in self._waiting:
                if fault.matches(method, path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
