"""What reconcile finds, in words without personal data: IDs, statuses, amounts and moments."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from billing_core.kinds import (
    CUSTOMER,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    PAYMENT_METHOD,
    REFUND,
    SUBSCRIPTION,
    Kind,
)
from billing_core.ordering import Changes, jsonable

# Parents first: what is written here finds its parents there already. Payments lead refunds to their invoices.
ORDER: dict[str, Kind] = {
    "customer": CUSTOMER,
    "payment_method": PAYMENT_METHOD,
    "subscription": SUBSCRIPTION,
    "invoice": INVOICE,
    "invoice_payment": INVOICE_PAYMENT,
    "dispute": DISPUTE,
    "refund": REFUND,
}
NAME_OF = {kind: name for name, kind in ORDER.items()}

# Fields whose values tell of a person, or are words that somebody typed at Stripe.
PRIVATE = frozenset({"last4", "brand", "exp_month", "exp_year", "named_user"})
WITHHELD = "(withheld)"


class What(StrEnum):
    """How a row and its object differ."""

    MISSING = "missing"  # Stripe has it, it is ours, and we have no row
    DIFFERS = "differs"  # the row says otherwise
    UNKNOWN = "unknown_at_stripe"  # we have a row, and Stripe has no such object


class Finding(msgspec.Struct, frozen=True):
    """One object whose row is not as Stripe says.

    Attributes:
        kind: of object, a key of `ORDER`.
        stripe_id: its ID.
        what: how they differ.
        fields: each field that differs, with our value and Stripe's.
        repaired: whether the row has been corrected.
    """

    kind: str
    stripe_id: str
    what: What
    fields: Changes = {}
    repaired: bool = False


def shown(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> Changes:
    """Return the fields in which a row is not as wanted, fit to be shown."""
    return {
        name: [WITHHELD, WITHHELD] if name in PRIVATE else [jsonable(row[name]), jsonable(value)]
        for name, value in wanted.items()
        if row[name] != value
    }
