"""What restricted keys may do: https://docs.stripe.com/keys/restricted-api-keys

Names are Stripe's own, as its errors tell them: `rak_<resource>_<read or write>`. Write implies read.
"""

from collections.abc import Iterator

from tests.fake_stripe.errors import StripeFailure

# The last word of a path says what it is about. Some resources share a permission.
RESOURCES = {
    "charges": "charge",
    "coupons": "coupon",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoice_payments": "invoice",
    "invoiceitems": "invoice",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "prices": "plan",
    "products": "product",
    "promotion_codes": "promotion_code",
    "refunds": "charge",
    "setup_intents": "setup_intent",
    "subscriptions": "subscription",
    "webhook_endpoints": "webhook",
}

# Who expands an object must be allowed to read it.
EXPANDED = {
    "charge": "charge",
    "customer": "customer",
    "invoice": "invoice",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "pending_setup_intent": "setup_intent",
}

ACCOUNT = "acct_FakeStripe00000"


def refuse_unless_allowed(key: str, granted: frozenset[str], method: str, path: str, expand: list[str]) -> None:
    """Answer as Stripe does a restricted key that lacks a permission.

    Raises:
        StripeFailure: 403, with the permission that would be needed.
    """
    for needed in _needed(method, path, expand):
        if needed not in granted and needed.replace("_read", "_write") not in granted:
            shown = f"{key[:8]}{'*' * 21}{key[-4:]}"
            message = (
                f"The provided key '{shown}' does not have the required permissions for this endpoint on account "
                f"'{ACCOUNT}'. Having the '{needed}' permission would allow this request to continue."
            )
            raise StripeFailure(403, "invalid_request_error", message)


def _needed(method: str, path: str, expand: list[str]) -> Iterator[str]:
    resource = next((RESOURCES[word] for word in reversed(path.split("/")) if word in RESOURCES), None)
    if resource:
        yield f"rak_{resource}_{'read' if method == 'GET' else 'write'}"
    for one in expand:
        yield from (f"rak_{EXPANDED[word]}_read" for word in one.split(".") if word in EXPANDED)
