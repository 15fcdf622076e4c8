"""The one door to Stripe's API. Nothing else in this repository calls Stripe."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import stripe
from pydantic import SecretStr

from billing_core.errors import StripeObjectMissing, StripeRefused, StripeUnavailable

# What is wrong with the request stays wrong. Any other status says something about the key (401, 403), the moment
# (409, 429, 5xx), or that somebody between us and Stripe answered. https://docs.stripe.com/api/errors
_REFUSED = frozenset({400, 402})


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object as Stripe holds it.

    Attributes:
        obj: the object, as plain JSON.
        as_of: a moment, in whole seconds of Stripe's clock, that is surely before Stripe read the object.
    """

    obj: dict[str, Any]
    as_of: datetime


class StripeApi:
    """Stripe's API, with its errors sorted into those worth a retry and those that are not."""

    def __init__(self, key: SecretStr | None, base: str, *, timeout: float, max_retries: int) -> None:
        """Timeout is in seconds for one attempt; the SDK itself retries connections, 409 and 5xx."""
        self._client: stripe.StripeClient | None = None
        if key:
            self._client = stripe.StripeClient(
                key.get_secret_value(),
                base_addresses={"api": base},
                max_network_retries=max_retries,
                http_client=stripe.RequestsClient(timeout=timeout),
            )

    @property
    def configured(self) -> bool:
        """Whether there is a key to ask with."""
        return self._client is not None

    def fetch(self, path: str, **params: Any) -> Fetched:
        """GET an object or a list.

        Raises:
            StripeUnavailable: no answer, none of Stripe's, 5xx or 429, also after the SDK's own retries; or our key
                is missing, expired or lacks a permission: a person mends that while the work waits.
            StripeObjectMissing: Stripe has no such object.
            StripeRefused: any other 4xx.
        """
        if self._client is None:
            raise StripeUnavailable(f"GET {path}: STRIPE_SECRET_KEY is not set")
        began = time.monotonic()
        try:
            response: stripe.StripeResponse = self._client.raw_request("get", path, **params)
        except stripe.StripeError as error:
            raise _sorted(error, f"GET {path}") from error
        # By Stripe's clock, not ours, which may be off: an event of this very second must still count as newer.
        if (date := response.headers.get("date")) is None:
            raise StripeUnavailable(f"GET {path}: the answer has no Date, so it is not known of when it is")
        answered = parsedate_to_datetime(date).timestamp()
        as_of = datetime.fromtimestamp(int(answered - (time.monotonic() - began)), UTC)
        return Fetched(msgspec.json.decode(response.body), as_of)


def _sorted(error: stripe.StripeError, call: str) -> StripeUnavailable | StripeRefused:
    """Say what failed without Stripe's message, which can carry personal data."""
    status = error.http_status
    what = f"{call}: {type(error).__name__} {status or ''} {error.code or ''} (request {error.request_id})"
    if status == 404:  # noqa: PLR2004  (HTTP's own number)
        return StripeObjectMissing(what)
    if status in _REFUSED:
        return StripeRefused(what)
    return StripeUnavailable(what)
