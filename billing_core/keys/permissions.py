"""What a restricted key of ours must be allowed to do: https://docs.stripe.com/keys/restricted-api-keys

Every path that the product calls is here. `tests/billing_core/test_keys/` compares it with the source, and runs
commands, reconcile and gap fill with a key that may do just this.
"""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

# No object's ID: an answer that it is missing proves that we may read it.
_NOBODY = "billing_may_i_read"

_CREATE = "https://dashboard.stripe.com/apikeys/create?name=billing"


class Level(StrEnum):
    """How much is allowed."""

    READ = "Read"
    WRITE = "Write"


class Permission(NamedTuple):
    """A row of Stripe's form for restricted keys.

    Attributes:
        row: what the form calls it.
        resource: what Stripe's errors call it, between `rak_` and the level.
        level: as the form has it; Write implies Read.
        endpoints: what we call, as `METHOD path`.
        probe: a path whose reading proves Read and changes nothing.
        reason: what for.
    """

    row: str
    resource: str
    level: Level
    endpoints: tuple[str, ...]
    probe: str
    reason: str

    @property
    def name(self) -> str:
        """What Stripe's errors call it."""
        return f"rak_{self.resource}_{self.level.lower()}"


PERMISSIONS = (
    Permission(
        "Customers",
        "customer",
        Level.WRITE,
        ("GET /v1/customers", "GET /v1/customers/{id}", "POST /v1/customers"),
        "/v1/customers",
        "whose an event is; a new subscriber's customer",
    ),
    Permission(
        "Subscriptions",
        "subscription",
        Level.WRITE,
        (
            "GET /v1/subscriptions",
            "GET /v1/subscriptions/{id}",
            "POST /v1/subscriptions",
            "POST /v1/subscriptions/{id}",
            "POST /v1/subscriptions/{id}/resume",
            "DELETE /v1/subscriptions/{id}",
        ),
        "/v1/subscriptions",
        "ties and reconcile; commands create, change and cancel",
    ),
    Permission(
        "Invoices",
        "invoice",
        Level.READ,
        (
            "GET /v1/invoices",
            "GET /v1/invoices/{id}",
            "GET /v1/invoice_payments",
            "GET /v1/invoice_payments/{id}",
        ),
        "/v1/invoices",
        "ties and reconcile; which payment paid an invoice",
    ),
    Permission(
        "PaymentMethods",
        "payment_method",
        Level.WRITE,
        (
            "GET /v1/customers/{id}/payment_methods",
            "GET /v1/payment_methods/{id}",
            "POST /v1/payment_methods/{id}/attach",
        ),
        f"/v1/payment_methods/{_NOBODY}",
        "ties and reconcile; a new subscriber's card is attached",
    ),
    Permission(
        "Charges and Refunds",
        "charge",
        Level.WRITE,
        ("GET /v1/charges/{id}", "GET /v1/refunds", "GET /v1/refunds/{id}", "POST /v1/refunds"),
        "/v1/refunds",
        "whose a dispute or a refund is; commands refund",
    ),
    Permission(
        "PaymentIntents",
        "payment_intent",
        Level.READ,
        ("GET /v1/payment_intents/{id}",),
        f"/v1/payment_intents/{_NOBODY}",
        "whose a refund is; why a first payment failed",
    ),
    Permission(
        "SetupIntents",
        "setup_intent",
        Level.READ,
        (),
        f"/v1/setup_intents/{_NOBODY}",
        "the secret for a card that must be confirmed, expanded in a subscription",
    ),
    Permission(
        "Disputes",
        "dispute",
        Level.READ,
        ("GET /v1/disputes", "GET /v1/disputes/{id}"),
        "/v1/disputes",
        "ties and reconcile",
    ),
    Permission("Events", "event", Level.READ, ("GET /v1/events",), "/v1/events", "gap fill"),
    Permission(
        "Webhook Endpoints",
        "webhook",
        Level.WRITE,
        ("GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints"),
        "/v1/webhook_endpoints",
        "`billing endpoint check`; Write only for `billing endpoint create`",
    ),
)


def form_address() -> str:
    """Return the address of Stripe's form for a new key, with these permissions chosen."""
    chosen = "".join(f"&{quote('permissions[]')}={permission.name}" for permission in PERMISSIONS)
    return f"{_CREATE}{chosen}"
