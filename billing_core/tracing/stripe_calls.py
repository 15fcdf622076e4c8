"""Spans of calls to Stripe, which the events that a call causes will continue."""

from collections.abc import Mapping
from typing import Any, Self, cast

from opentelemetry.trace import SpanKind
from redis import Redis

from billing_core.errors import StripeRefused
from billing_core.stripe_api import Fetched, StripeApi
from billing_core.stripe_calls import endpoint_of
from billing_core.tracing.carried import Carried
from billing_core.tracing.spans import span
from config.settings import Settings


class TracedStripeApi(StripeApi):
    """The door to Stripe, with a span for each call through it."""

    _carried: Carried

    @classmethod
    def from_settings(cls, settings: Settings, redis: Redis) -> Self:
        """Make the door, and keep the calls' contexts in this Redis."""
        made = cast("Self", super().from_settings(settings, redis))
        made.carry(Carried(redis, settings.queue_prefix))
        return made

    def carry(self, carried: Carried) -> None:
        """Keep the calls' contexts there."""
        self._carried = carried

    def _ask(self, method: str, path: str, params: Mapping[str, Any]) -> Fetched:
        method_name = method.upper()
        attributes = {"http.request.method": method_name, "url.path": path, "peer.service": "stripe"}
        with span(f"{method_name} {endpoint_of(path)}", SpanKind.CLIENT, attributes) as made:
            if key := params.get("idempotency_key"):
                made.set_attribute("billing.idempotency_key", key)
                self._carried.keep_call(key)
            try:
                fetched = super()._ask(method, path, params)
            except StripeRefused as refusal:
                made.set_attributes({"http.response.status_code": refusal.status or 0, "error.type": str(refusal.code)})
                raise
            made.set_attribute("stripe.request_id", fetched.request_id or "")
            return fetched
