"""Customers."""

from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import listed, page
from tests.fake_stripe.resources.payment_methods import attach_to, saveable
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox

ADDRESS_KEYS = ("line1", "line2", "city", "state", "postal_code", "country")

PLAIN_KEYS = ("description", "email", "name", "phone")


def create(sandbox: Sandbox, call: Call) -> Json:
    """Create a customer, saving and defaulting the payment method it comes with."""
    params = call.params
    customer = _blank(sandbox)
    sent = params.text("payment_method") or params.text("source")
    saved = saveable(sandbox, sent) if sent else None
    _apply(sandbox, customer, params, default=False)
    sandbox.state.add(customer)
    sandbox.emit("customer.created", customer)
    if saved is not None:
        method = attach_to(sandbox, saved["id"], customer)
        if "invoice_settings" in params:
            with sandbox.changing(customer):
                customer["invoice_settings"]["default_payment_method"] = method["id"]
    return customer


def update(sandbox: Sandbox, call: Call) -> Json:
    """Change a customer."""
    customer = sandbox.customer(call.id)
    if (source := call.params.text("source")) is not None:
        attach_to(sandbox, source, customer)
    with sandbox.changing(customer):
        _apply(sandbox, customer, call.params, default=True)
    return customer


def retrieve(sandbox: Sandbox, call: Call) -> Json:
    """Return a customer, or the stub of a deleted one."""
    return sandbox.state.get("customer", call.id)


def delete(sandbox: Sandbox, call: Call) -> Json:
    """Delete a customer; its subscriptions are canceled at once."""
    # Imported here: canceling knows customers.
    from tests.fake_stripe.billing.lifecycle import cancel_now  # noqa: PLC0415 (see above)

    customer = sandbox.customer(call.id)
    for sub in sandbox.state.where("subscription", customer=customer["id"]):
        if sub["ended_at"] is None:
            cancel_now(sandbox, sub, reason=None)
    sandbox.emit("customer.deleted", customer)
    stub: Json = {"id": customer["id"], "object": "customer", "deleted": True}
    sandbox.state.tables["customer"][customer["id"]] = stub
    return stub


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List customers, by email if asked."""
    living = [one for one in sandbox.state.all("customer") if not one.get("deleted")]
    return page(call, living, equal=["email"])


def subscriptions_of(sandbox: Sandbox, customer: Json) -> Json:
    """Return the customer's subscriptions that have not ended."""
    found = sandbox.state.where("subscription", customer=customer["id"], ended_at=None)
    return listed(found[::-1], f"/v1/customers/{customer['id']}/subscriptions")


def _blank(sandbox: Sandbox) -> Json:
    return sandbox.new(
        "customer",
        "cus",
        address=None,
        balance=0,
        currency=None,
        customer_account=None,
        default_source=None,
        delinquent=False,
        description=None,
        email=None,
        invoice_prefix=sandbox.ids.tail(8).upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata={},
        name=None,
        next_invoice_sequence=1,
        phone=None,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=None,
    )


def _apply(sandbox: Sandbox, customer: Json, params: Params, *, default: bool) -> None:
    for key in PLAIN_KEYS:
        if key in params:
            customer[key] = params.text(key)
    if "address" in params:
        customer["address"] = _address(params.nested("address"))
    if "shipping" in params:
        customer["shipping"] = _shipping(params.nested("shipping"))
    if "balance" in params:
        customer["balance"] = params.integer("balance", 0)
    if "preferred_locales" in params:
        customer["preferred_locales"] = params.strings("preferred_locales")
    customer["metadata"] = params.metadata(customer["metadata"])
    settings = params.nested("invoice_settings")
    if default and "default_payment_method" in settings:
        chosen = settings.text("default_payment_method")
        customer["invoice_settings"]["default_payment_method"] = _owned(sandbox, customer, chosen)


def _owned(sandbox: Sandbox, customer: Json, method_id: str | None) -> str | None:
    if method_id is None:
        return None
    name = "invoice_settings[default_payment_method]"
    method = sandbox.state.get("payment_method", method_id, name)
    if method["customer"] != customer["id"]:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. "
            "The payment method must be attached to the customer."
        )
        raise invalid(message, param=name, code="resource_missing")
    return method_id


def _address(params: Params) -> Json | None:
    return {key: params.text(key) for key in ADDRESS_KEYS} if params.values else None


def _shipping(params: Params) -> Json | None:
    if not params.values:
        return None
    address = _address(params.nested("address"))
    return {"address": address, "name": params.text("name"), "phone": params.text("phone")}


ROUTES = [
    Route("POST", "/v1/customers", create),
    Route("GET", "/v1/customers", list_all),
    Route("GET", "/v1/customers/{id}", retrieve),
    Route("POST", "/v1/customers/{id}", update),
    Route("DELETE", "/v1/customers/{id}", delete),
]
