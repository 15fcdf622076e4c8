"""What calls to Stripe are counted as: by endpoint, which is a path without its IDs."""

import time
from urllib.parse import urlsplit

from billing_core.metrics import STRIPE_CALLS, STRIPE_SECONDS

# Whatever else stands in a path is somebody's ID.
_WORDS = frozenset(
    {
        "v1",
        "attach",
        "charges",
        "customers",
        "disputes",
        "events",
        "invoice_payments",
        "invoices",
        "payment_intents",
        "payment_methods",
        "refunds",
        "resume",
        "search",
        "subscriptions",
        "webhook_endpoints",
    }
)


def endpoint_of(url: str) -> str:
    """Return the URL's path with `{id}` in the place of each ID."""
    return "/".join(word if word in _WORDS or not word else "{id}" for word in urlsplit(url).path.split("/"))


class CountedCall:
    """One attempt of a call, counted when it is over."""

    def __init__(self, method: str, url: str) -> None:
        self._method, self._endpoint = method.upper(), endpoint_of(url)
        self._began = time.monotonic()

    def sent(self) -> None:
        """It goes out now, after its turn came."""
        self._began = time.monotonic()

    def answered(self, status: int) -> None:
        """Stripe, or somebody in between, answered."""
        STRIPE_SECONDS.observe([time.monotonic() - self._began], self._endpoint)
        self._count(str(status))

    def unanswered(self) -> None:
        """Nobody did."""
        self._count("no_answer")

    def held_back(self) -> None:
        """It did not go out: the circuit is open, or too many wait."""
        self._count("not_sent")

    def _count(self, status: str) -> None:
        STRIPE_CALLS.labels(self._method, self._endpoint, status).inc()
