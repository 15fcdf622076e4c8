"""Webhook endpoints: where events go, which ones, signed with what, in which shape."""

from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS

# Stripe's own limit for the endpoints of one account.
MOST = 16


def create(sandbox: Sandbox, call: Call) -> Json:
    """Register an endpoint; only this answer shows its secret."""
    params = call.params
    events = params.strings("enabled_events")
    if not events:
        raise invalid("Missing required param: enabled_events.", param="enabled_events", code="parameter_missing")
    if len(sandbox.state.tables["webhook_endpoint"]) >= MOST:
        raise invalid("You have reached the maximum of 16 test webhook endpoints.")
    endpoint = register(sandbox, params.required("url"), events=events, api_version=params.text("api_version"))
    endpoint |= {"description": params.text("description"), "metadata": params.metadata()}
    return endpoint | {"secret": endpoint[LINKS]["secrets"][0]}


def register(
    sandbox: Sandbox,
    url: str,
    *,
    secret: str | None = None,
    events: list[str] | None = None,
    api_version: str | None = None,
    payload: str = "snapshot",
) -> Json:
    """Keep a new endpoint. `payload` is snapshot (v1 events) or thin (v2.core.event notifications)."""
    endpoint = sandbox.new("webhook_endpoint", "we", url=url, api_version=api_version)
    endpoint |= {
        "application": None,
        "description": None,
        "enabled_events": events or ["*"],
        "metadata": {},
        "status": "enabled",
        LINKS: {"secrets": [secret or f"whsec_{sandbox.ids.tail(32)}"], "payload": payload},
    }
    return sandbox.state.add(endpoint)


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change an endpoint's URL, events, status or metadata."""
    endpoint = sandbox.state.get("webhook_endpoint", call.id)
    for key in ("url", "description"):
        if key in call.params:
            endpoint[key] = call.params.text(key)
    if "enabled_events" in call.params:
        endpoint["enabled_events"] = call.params.strings("enabled_events")
    if "disabled" in call.params:
        endpoint["status"] = "disabled" if call.params.boolean("disabled") else "enabled"
    endpoint["metadata"] = call.params.metadata(endpoint["metadata"])
    return endpoint


def delete(sandbox: Sandbox, call: Call) -> Json:
    """Remove an endpoint."""
    endpoint = sandbox.state.get("webhook_endpoint", call.id)
    del sandbox.state.tables["webhook_endpoint"][call.id]
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def wants(endpoint: Json, event_type: str) -> bool:
    """Whether an endpoint is enabled and listens for this type."""
    listens = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in listens or event_type in listens)


ROUTES = [
    Route("POST", "/v1/webhook_endpoints", create),
    Route("GET", "/v1/webhook_endpoints", lambda sb, call: page(call, sb.state.all("webhook_endpoint"))),
    Route("GET", "/v1/webhook_endpoints/{id}", lambda sb, call: sb.state.get("webhook_endpoint", call.id)),
    Route("POST", "/v1/webhook_endpoints/{id}", update),
    Route("DELETE", "/v1/webhook_endpoints/{id}", delete),
]
