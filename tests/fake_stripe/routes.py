"""Every URL the fake answers, and what can be expanded beyond plain IDs."""

from tests.fake_stripe.resources import (
    account,
    catalog,
    coupons,
    customers,
    disputes,
    events,
    invoice_items,
    invoices,
    payment_methods,
    payments,
    refunds,
    subscriptions,
    webhook_endpoints,
)
from tests.fake_stripe.routing import Includable, Router

ROUTER = Router(
    [
        *account.ROUTES,
        *catalog.ROUTES,
        *coupons.ROUTES,
        *customers.ROUTES,
        *disputes.ROUTES,
        *events.ROUTES,
        *invoice_items.ROUTES,
        *invoices.ROUTES,
        *payment_methods.ROUTES,
        *payments.ROUTES,
        *refunds.ROUTES,
        *subscriptions.ROUTES,
        *webhook_endpoints.ROUTES,
    ]
)

# Properties that an answer has only when the request expands them.
INCLUDABLE: dict[str, Includable] = {
    "charge.refunds": refunds.refunds_of,
    "customer.subscriptions": customers.subscriptions_of,
    "invoice.confirmation_secret": invoices.confirmation_secret_of,
    "invoice.payments": invoices.payments_of,
}
