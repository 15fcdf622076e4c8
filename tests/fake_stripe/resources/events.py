"""Events: the account's history, as snapshots and as thin events."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.fake_stripe.errors import Json, invalid, no_such
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import present

# The most event types that Stripe takes in one filter.
MOST_TYPES = 20

# Stripe keeps events for thirty days.
KEPT_SECONDS = 30 * 86400

# Where an object of each type can be fetched; thin events point there.
COLLECTIONS = {
    "charge": "charges",
    "coupon": "coupons",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "invoiceitem": "invoiceitems",
    "payment_intent": "payment_intents",
    "payment_method": "payment_methods",
    "price": "prices",
    "product": "products",
    "promotion_code": "promotion_codes",
    "refund": "refunds",
    "setup_intent": "setup_intents",
    "subscription": "subscriptions",
}

THIN_PREFIX = "evt_test_"


def retrieve(sandbox: Sandbox, call: Call) -> Json:
    """Return an event of the last thirty days."""
    event = sandbox.events.get(call.id)
    if event is None or _forgotten(sandbox, event):
        raise no_such("event", call.id)
    return event


def _forgotten(sandbox: Sandbox, event: Json) -> bool:
    return bool(event["created"] < sandbox.clock.now() - KEPT_SECONDS)


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List events by type, types, time and whether every endpoint took them."""
    return page(call, _fitting(sandbox, call.params))


def _fitting(sandbox: Sandbox, params: Params) -> Iterator[Json]:
    types = set(params.strings("types"))
    one_type = params.text("type")
    if types and one_type is not None:
        raise invalid("You may pass either `type` or `types`, but not both.", param="types")
    if len(types) > MOST_TYPES:
        raise invalid(f"You may pass at most {MOST_TYPES} event types.", param="types")
    delivered = params.boolean("delivery_success") if "delivery_success" in params else None
    for event in reversed(sandbox.events.values()):
        if _forgotten(sandbox, event):
            return
        typed = _matches(one_type, event["type"]) and (not types or event["type"] in types)
        if typed and delivered in (None, event["pending_webhooks"] == 0):
            yield event


def _matches(wanted: str | None, event_type: str) -> bool:
    if wanted is None or wanted == "*":
        return True
    if wanted.endswith(".*"):
        return event_type.startswith(wanted[:-1])
    return wanted == event_type


def thin_id(event_id: str) -> str:
    """Return the ID of the thin event that stands beside a snapshot event."""
    return THIN_PREFIX + event_id.removeprefix("evt_")


def thin(sandbox: Sandbox, event: Json) -> Json:
    """Return the notification a thin endpoint is sent."""
    obj = event["data"]["object"]
    created = datetime.fromtimestamp(event["created"], UTC)
    notification = {
        "id": thin_id(event["id"]),
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": event["livemode"],
        "created": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "related_object": _related(obj),
        "snapshot_event": event["id"],
    }
    return notification | _reason(event["request"])


def _related(obj: Json) -> Json:
    collection = COLLECTIONS.get(obj["object"], f"{obj['object']}s")
    return {"id": obj["id"], "type": obj["object"], "url": f"/v1/{collection}/{obj['id']}"}


def _reason(request: Json) -> Json:
    if request["id"] is None:
        return {}
    inner = {"id": request["id"], "idempotency_key": request["idempotency_key"] or ""}
    return {"reason": {"type": "request", "request": inner}}


def retrieve_thin(sandbox: Sandbox, call: Call) -> Json:
    """Return the full thin event for a notification."""
    event = sandbox.events.get("evt_" + call.id.removeprefix(THIN_PREFIX))
    if event is None:
        raise no_such("event", call.id)
    return thin(sandbox, event)


def event_body(sandbox: Sandbox, event: Json, api_version: str | None = None, *, is_thin: bool = False) -> bytes:
    """Return the bytes Stripe would post for an event: indented JSON in the version's shape."""
    if is_thin:
        shown = thin(sandbox, event)
    else:
        version = api_version or event["api_version"]
        shown = present(event, version) | {"api_version": version}
    return json.dumps(shown, indent=2, ensure_ascii=False).encode()


ROUTES = [
    Route("GET", "/v1/events", list_all),
    Route("GET", "/v1/events/{id}", retrieve),
    Route("GET", "/v2/core/events/{id}", retrieve_thin),
]
