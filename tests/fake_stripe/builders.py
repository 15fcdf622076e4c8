"""Histories without HTTP: the engine called directly, for tests that only need true event bodies."""

from typing import Any

from tests.fake_stripe.errors import Json
from tests.fake_stripe.fake import FakeStripe
from tests.fake_stripe.forms import Params, flatten, unflatten
from tests.fake_stripe.routes import ROUTER
from tests.fake_stripe.routing import Call
from tests.fake_stripe.sandbox import Cause
from tests.fake_stripe.shapes import present


def call(fake: FakeStripe, method: str, path: str, **params: Any) -> Json:
    """Do one API call without HTTP; errors are raised as StripeFailure."""
    nested = unflatten(flatten(params))
    route, ids = ROUTER.resolve(method, path)
    cause = Cause(fake.sandbox.ids.new("req"))
    with fake.sandbox.acting(cause):
        answer = route.handler(fake.sandbox, Call(method, path, Params(nested), ids))
        return present(answer, fake.sandbox.api_version)


def customer_with_card(fake: FakeStripe, card: str = "pm_card_visa", **fields: Any) -> tuple[Json, Json]:
    """Return a new customer, who reads like a person, and the card that is its default."""
    customer = call(fake, "POST", "/v1/customers", **(fake.sandbox.people.person() | fields))
    path = f"/v1/payment_methods/{card}/attach"
    method = call(fake, "POST", path, customer=customer["id"])
    chosen = {"default_payment_method": method["id"]}
    customer = call(fake, "POST", f"/v1/customers/{customer['id']}", invoice_settings=chosen)
    return customer, method


def subscription(fake: FakeStripe, customer: Json | None = None, **fields: Any) -> Json:
    """Return a new subscription to our product, of a new customer with a good card by default."""
    owner = customer or customer_with_card(fake)[0]
    items = [{"price": fake.price}]
    return call(fake, "POST", "/v1/subscriptions", **({"customer": owner["id"], "items": items} | fields))


def eight_types(fake: FakeStripe) -> dict[str, Json]:
    """Live one customer's life and return an event of each type our service must handle."""
    customer, method = customer_with_card(fake)
    sub = subscription(fake, customer)
    fake.cards.decline(method["id"])
    fake.clock.advance(days=32)
    fake.cards.accept(method["id"])
    fake.clock.advance(days=4)
    paid = next(charge for charge in fake.charges.values() if charge["paid"])
    fake.control.open_dispute(charge=paid["id"])
    call(fake, "DELETE", f"/v1/subscriptions/{sub['id']}")
    call(fake, "POST", f"/v1/payment_methods/{method['id']}/detach")
    return {event_type: fake.events_of(event_type)[0] for event_type in EIGHT_TYPES}


# The specification's list.
EIGHT_TYPES = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "payment_method.attached",
    "payment_method.detached",
    "charge.dispute.created",
)
