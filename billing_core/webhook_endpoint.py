"""Our webhook endpoint as it is registered at Stripe. https://docs.stripe.com/api/webhook_endpoints"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from billing_core.errors import NeverRetry
from billing_core.event_types import EVENT_TYPES
from billing_core.finding import Finding, fail, ok, warn
from billing_core.stripe_api import API_VERSION, StripeApi

_PATH = "/v1/webhook_endpoints"
_MOST = 100  # a page; Stripe allows an account 16 endpoints

_EVERYTHING = "*"


class EndpointExists(NeverRetry):
    """Stripe has an endpoint with this URL: a second one would be sent each event once more."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new endpoint. Stripe shows its secret this one time; it stays out of the repr."""

    endpoint_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Created({self.endpoint_id})"


def create(stripe: StripeApi, url: str) -> Created:
    """Register `url` for exactly the event types that we handle, in the API version that we were built with.

    Raises:
        EndpointExists: there is one.
        StripeUnavailable: no answer. If Stripe created it all the same, its secret is lost: `check` finds it.
        StripeRefused: Stripe takes no such URL, or has enough endpoints.
    """
    if found := _registered(stripe, url):
        raise EndpointExists(f"{found[0]['id']} is registered for {url} already; see `billing endpoint check`")
    asked = {"url": url, "api_version": API_VERSION, "enabled_events": _wanted()}
    # Of this call alone, for the SDK's own retries: a later one is a new wish.
    answer = stripe.write("post", _PATH, asked, idempotency_key=f"endpoint-{uuid4()}").obj
    return Created(answer["id"], answer["secret"])


def check(stripe: StripeApi, url: str) -> list[Finding]:
    """Compare what is registered for `url` with what we need.

    Raises:
        StripeUnavailable: no answer, or the key may not read endpoints.
    """
    found = _registered(stripe, url)
    if not found:
        return [fail("endpoint", f"none is registered for {url}", f"billing endpoint create --url {url}")]
    findings = [finding for endpoint in found for finding in _compared(endpoint)]
    if len(found) > 1:
        ids = ", ".join(endpoint["id"] for endpoint in found)
        findings.append(warn("endpoint", f"{ids}: each event is sent {len(found)} times", "delete all but one"))
    return findings


def _registered(stripe: StripeApi, url: str) -> list[dict[str, Any]]:
    endpoints: list[dict[str, Any]] = stripe.fetch(_PATH, limit=_MOST).obj["data"]
    return [endpoint for endpoint in endpoints if endpoint["url"] == url]


def _wanted() -> list[str]:
    return [event_type.name for event_type in EVENT_TYPES]


def _compared(endpoint: dict[str, Any]) -> Iterator[Finding]:
    name = endpoint["id"]
    if endpoint["status"] == "enabled":
        yield ok("endpoint", f"{name} is enabled")
    else:
        yield fail("endpoint", f"{name} is {endpoint['status']}: nothing is delivered", "enable it at Stripe")
    yield _version(name, endpoint["api_version"])
    yield from _types(name, endpoint["enabled_events"])


def _version(name: str, found: str | None) -> Finding:
    check = "endpoint's API version"
    if found == API_VERSION:
        return ok(check, found)
    # Only a new endpoint can have another version: Stripe changes it on none.
    do = "works as it is; for ours, create another endpoint, then delete this one"
    return warn(check, f"{name} has {found or 'the account default'}, we were built with {API_VERSION}", do)


def _types(name: str, enabled: list[str]) -> Iterator[Finding]:
    check, wanted = "endpoint's event types", _wanted()
    missing = [] if _EVERYTHING in enabled else [one for one in wanted if one not in enabled]
    extra = [one for one in enabled if one not in wanted]
    if missing:
        yield fail(check, f"{name} lacks {', '.join(missing)}", "add them at Stripe (docs/event-types.md)")
    if extra:
        yield warn(check, f"{name} also sends {', '.join(extra)}", "take them off: we drop them")
    if not missing and not extra:
        yield ok(check, f"all {len(wanted)} and no others")
