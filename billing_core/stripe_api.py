"""The one door to Stripe's API. Nothing else in this repository calls Stripe."""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import stripe
import structlog
from pydantic import SecretStr
from redis import Redis

from billing_core.errors import StripeForbidden, StripeObjectMissing, StripeRefused, StripeUnavailable
from billing_core.stripe_calls import CountedCall
from billing_core.stripe_gate import Left, StripeGate, gate_over
from config.settings import Settings

log = structlog.get_logger()

# The SDK's own: what we were built and tested with, for our calls and for the events of the endpoint we register.
API_VERSION: str = stripe.api_version

# What is wrong with the request stays wrong. Any other status says something about the key (401, 403), the moment
# (409, 429, 5xx), or that somebody between us and Stripe answered. https://docs.stripe.com/api/errors
_REFUSED = frozenset({400, 402})
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERRORS = 500

_PERMISSION = re.compile(r"\brak_[a-z_]+")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object as Stripe holds it.

    Attributes:
        obj: the object, as plain JSON.
        as_of: a moment, in whole seconds of Stripe's clock, that is surely before Stripe read the object.
        request_id: Stripe's ID of the request.
        replayed: whether this is the answer to an earlier request with the same idempotency key: the object may have
            changed since, whatever `as_of` says.
    """

    obj: dict[str, Any]
    as_of: datetime
    request_id: str | None = None
    replayed: bool = False


class StripeApi:
    """Stripe's API, with its errors sorted into those worth a retry and those that are not."""

    def __init__(
        self, key: SecretStr | None, base: str, *, timeout: float, max_retries: int, gate: StripeGate | None = None
    ) -> None:
        """Timeout is in seconds for one attempt; the SDK itself retries connections, 409 and 5xx."""
        self._base, self._timeout, self._max_retries, self._gate = base, timeout, max_retries, gate
        self._client = self._with(key)

    @classmethod
    def from_settings(cls, settings: Settings, redis: Redis) -> "StripeApi":
        """Make the door that the settings describe, behind the gate that all processes share in Redis."""
        if settings.traces and cls is StripeApi:
            from billing_core.tracing.stripe_calls import TracedStripeApi  # noqa: PLC0415  (only where it is asked for)

            return TracedStripeApi.from_settings(settings, redis)
        return cls(
            settings.stripe_secret_key,
            settings.stripe_api_base,
            timeout=settings.stripe_timeout,
            max_retries=settings.stripe_max_retries,
            gate=gate_over(redis, settings),
        )

    def prepared(self, key: SecretStr | None) -> Callable[[], None]:
        """Return what lets us ask with this key from the next call on. Calls on their way end with the former one."""
        client = self._with(key)

        def use() -> None:
            self._client = client

        return use

    def _with(self, key: SecretStr | None) -> stripe.StripeClient | None:
        if key is None:
            return None
        return stripe.StripeClient(
            key.get_secret_value(),
            base_addresses={"api": self._base},
            max_network_retries=self._max_retries,
            http_client=_GatedClient(self._timeout, self._gate),
        )

    @property
    def configured(self) -> bool:
        """Whether there is a key to ask with."""
        return self._client is not None

    def fetch(self, path: str, **params: Any) -> Fetched:
        """GET an object or a list.

        Raises:
            StripeUnavailable: no answer, none of Stripe's, 5xx or 429, also after the SDK's own retries; or our key
                is missing or expired: a person mends that while the work waits.
            StripeForbidden: the same, of a key that lacks a permission.
            StripeObjectMissing: Stripe has no such object.
            StripeRefused: any other 4xx.
        """
        return self._ask("get", path, params)

    def write(self, method: str, path: str, params: Mapping[str, Any], *, idempotency_key: str) -> Fetched:
        """POST or DELETE. With the same key Stripe does it once and repeats its answer, for 24 hours.

        Stripe ignores the key of a DELETE, which has its effect once by itself.

        Raises:
            StripeUnavailable: as of `fetch`; whether Stripe did it is not known.
            StripeRefused: as of `fetch`; it did not.
        """
        return self._ask(method, path, {**params, "idempotency_key": idempotency_key})

    def _ask(self, method: str, path: str, params: Mapping[str, Any]) -> Fetched:
        call = f"{method.upper()} {path}"
        client = self._client  # another thread may change it
        if client is None:
            raise StripeUnavailable(f"{call}: STRIPE_SECRET_KEY is not set")
        began = time.monotonic()
        try:
            response: stripe.StripeResponse = client.raw_request(method, path, **params)
        except stripe.StripeError as error:
            failure = _sorted(error, call)
            _tell_failure(error, failure, method, path)
            raise failure from error
        headers = response.headers
        _tell(method, path, headers)
        # By Stripe's clock, not ours, which may be off: an event of this very second must still count as newer.
        if (date := headers.get("date")) is None:
            raise StripeUnavailable(f"{call}: the answer has no Date, so it is not known of when it is")
        answered = parsedate_to_datetime(date).timestamp()
        as_of = datetime.fromtimestamp(int(answered - (time.monotonic() - began)), UTC)
        return Fetched(msgspec.json.decode(response.body), as_of, headers.get("request-id"), _replayed(headers))


class _GatedClient(stripe.RequestsClient):
    """Passes the gate before every attempt, those of the SDK's own retries too."""

    def __init__(self, timeout: float, gate: StripeGate | None) -> None:
        super().__init__(timeout=timeout)
        self._gate = gate

    def request(  # type: ignore[override]  # as the SDK overrides it itself
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        call = CountedCall(method, url)
        self._enter(call)
        call.sent()
        try:
            body, status, answered = super().request(method, url, headers, post_data)
        except stripe.APIConnectionError:
            call.unanswered()
            self._leave(Left.FAILED)
            raise
        call.answered(status)
        self._leave(_left(status), _retry_after(answered))
        return body, status, answered

    def _enter(self, call: CountedCall) -> None:
        if self._gate:
            try:
                self._gate.enter()
            except StripeUnavailable:
                call.held_back()
                raise

    def _leave(self, left: Left, retry_after: float | None = None) -> None:
        if self._gate:
            self._gate.left(left, retry_after)


def _tell(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Write the line of an answered call: of one that only looks, which are many, for who wants to know all."""
    request_id, replayed = headers.get("request-id"), _replayed(headers)
    if method == "get":
        log.debug("stripe.asked", method=method, path=path, stripe_request_id=request_id)
    else:
        log.info("stripe.called", method=method, path=path, stripe_request_id=request_id, replayed=replayed)


def _tell_failure(error: stripe.StripeError, failure: Exception, method: str, path: str) -> None:
    """Write the line of a failed call, without Stripe's message."""
    if isinstance(failure, StripeRefused):
        log.info(
            "stripe.refused",
            method=method,
            path=path,
            status=failure.status,
            code=failure.code,
            decline_code=failure.decline_code,
            stripe_request_id=failure.request_id,
        )
    else:
        log.warning(
            "stripe.unanswered",
            method=method,
            path=path,
            status=error.http_status,
            reason=type(error).__name__,
            stripe_request_id=error.request_id,
        )


def _left(status: int) -> Left:
    if status == _TOO_MANY:
        return Left.LIMITED
    return Left.FAILED if status >= _SERVER_ERRORS else Left.ANSWERED


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return what the answer asks for, in seconds; a date instead of seconds is nothing that Stripe sends."""
    with suppress(ValueError, TypeError):
        return float((headers or {}).get("retry-after", ""))
    return None


def _replayed(headers: Mapping[str, str] | None) -> bool:
    """https://docs.stripe.com/error-low-level#idempotency"""
    return (headers or {}).get("idempotent-replayed") == "true"


def _sorted(error: stripe.StripeError, call: str) -> StripeUnavailable | StripeRefused:
    """Say what failed without Stripe's message, which can carry personal data."""
    status, request_id = error.http_status, error.request_id
    what = f"{call}: {type(error).__name__} {status or ''} {error.code or ''} (request {request_id})"
    if status == _FORBIDDEN:
        return _forbidden(error, what)
    if status != _NOT_FOUND and status not in _REFUSED:
        return StripeUnavailable(what, retry_after=_retry_after(error.headers), replayed=_replayed(error.headers))
    details = error.error
    kind = StripeObjectMissing if status == _NOT_FOUND else StripeRefused
    return kind(
        what,
        status=status,
        code=error.code or getattr(details, "type", None),
        decline_code=getattr(details, "decline_code", None),
        param=getattr(error, "param", None) or getattr(details, "param", None),
        request_id=request_id,
    )


def _forbidden(error: stripe.StripeError, what: str) -> StripeForbidden:
    """Take from Stripe's message the permission that it misses, and nothing else."""
    told = _PERMISSION.search(str(error))
    permission = told.group() if told else None
    return StripeForbidden(f"{what}: our key lacks {permission or 'a permission'}", permission=permission)
