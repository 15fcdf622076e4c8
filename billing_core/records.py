"""What our tables hold of each Stripe object, as typed records. Field names are the models' attributes.

Amounts are integers in the currency's minor unit; times are aware UTC datetimes of whole seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Self

# Once a subscription says this it is over: no later state can follow. https://docs.stripe.com/api/subscriptions/object
ENDED_SUBSCRIPTION = frozenset({"canceled", "incomplete_expired"})
ENDED_INVOICE = frozenset({"void", "deleted"})
ENDED_INVOICE_PAYMENT = frozenset({"canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRecord:
    """A row of Subscriptions, without our own IDs.

    `stripe_price_id` may be the ID of an old plan, and `default_payment_method` that of an old source (`card_…`):
    Stripe's API takes both in the newer one's place.
    """

    stripe_subscription_id: str
    stripe_customer_id: str
    status: str
    current_period_start: datetime
    current_period_end: datetime
    cancel_at_period_end: bool
    stripe_price_id: str | None
    quantity: int | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    trial_end: datetime | None
    default_payment_method: str | None
    latest_invoice: str | None
    stripe_created_at: datetime

    @property
    def terminal(self) -> bool:
        """Whether Stripe can never change the status again."""
        return self.status in ENDED_SUBSCRIPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """A row of Invoices, without our own IDs. `amount` is the invoice's total.

    `billing_reason` is Stripe's word: API versions before 2018-10-31 say `subscription_update` of a subscription's
    first invoice too, and invoices from before May 2018 say `subscription` of all. `paid_at` is None as well for a
    paid invoice of a version before 2019-03-14, which does not tell.
    """

    stripe_invoice_id: str
    stripe_customer_id: str
    stripe_subscription_id: str | None
    amount: int
    amount_due: int
    amount_paid: int
    amount_remaining: int
    currency: str
    status: str
    due_date: datetime | None
    paid_at: datetime | None
    number: str | None
    billing_reason: str | None
    attempt_count: int
    next_payment_attempt: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    stripe_created_at: datetime

    @property
    def terminal(self) -> bool:
        """Whether Stripe can never change the status again."""
        return self.status in ENDED_INVOICE


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodRecord:
    """A row of PaymentMethods, without our own IDs. A detached one names the last customer we know of."""

    stripe_payment_method_id: str
    stripe_customer_id: str | None
    type: str
    last4: str | None
    brand: str | None
    exp_month: int | None
    exp_year: int | None
    detached_at: datetime | None

    @property
    def terminal(self) -> bool:
        """Whether Stripe can never change it again: a detached payment method cannot be attached again."""
        return self.detached_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRecord:
    """A row of Disputes, without our own IDs.

    A dispute itself names neither customer nor invoice: its charge and Stripe's invoice payments do.
    """

    stripe_dispute_id: str
    stripe_charge_id: str
    stripe_payment_intent_id: str | None
    stripe_customer_id: str | None = None
    stripe_invoice_id: str | None = None
    amount: int
    currency: str
    reason: str
    status: str
    evidence_due_by: datetime | None
    stripe_created_at: datetime

    @property
    def terminal(self) -> bool:
        """A dispute's outcome can still be corrected by the bank, so none is final."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRecord:
    """A row of Refunds, without our own IDs. Like a dispute, it names neither customer nor invoice."""

    stripe_refund_id: str
    stripe_charge_id: str | None
    stripe_payment_intent_id: str | None
    stripe_customer_id: str | None = None
    stripe_invoice_id: str | None = None
    amount: int
    currency: str
    status: str
    reason: str | None
    failure_reason: str | None
    stripe_created_at: datetime

    @property
    def terminal(self) -> bool:
        """A refund that succeeded can still fail, so none is final."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePaymentRecord:
    """A row of InvoicePayments, without our own IDs: which payment paid which invoice."""

    stripe_invoice_payment_id: str
    stripe_invoice_id: str
    stripe_payment_intent_id: str | None
    stripe_charge_id: str | None
    amount_paid: int | None
    amount_requested: int | None
    currency: str
    status: str
    paid_at: datetime | None
    stripe_created_at: datetime

    @property
    def stripe_customer_id(self) -> None:
        """It names no customer: it is its invoice's."""
        return

    @property
    def terminal(self) -> bool:
        """Whether Stripe can never change the status again."""
        return self.status in ENDED_INVOICE_PAYMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A row of BillingCustomers as Stripe tells it.

    `named_user` and `app` are the `user_id` and the `app` in the customer's metadata. `default_payment_method` pays the
    customer's invoices; it may be an old source (`card_…`).
    """

    stripe_customer_id: str
    named_user: str | None
    app: str | None
    default_payment_method: str | None
    deleted_at: datetime | None

    @classmethod
    def gone(cls, stripe_customer_id: str, deleted_at: datetime) -> Self:
        """A customer that Stripe does not know (any more)."""
        return cls(
            stripe_customer_id=stripe_customer_id,
            named_user=None,
            app=None,
            default_payment_method=None,
            deleted_at=deleted_at,
        )

    @property
    def terminal(self) -> bool:
        """Whether Stripe can never change it again."""
        return self.deleted_at is not None


Record = (
    SubscriptionRecord
    | InvoiceRecord
    | PaymentMethodRecord
    | DisputeRecord
    | RefundRecord
    | InvoicePaymentRecord
    | CustomerRecord
)


def values_of(record: Record) -> dict[str, Any]:
    """Return the record's fields by the models' attribute names."""
    kind: Any = type(record)
    names, values = _fields(kind)
    return dict(zip(names, values(record), strict=True))


@cache
def _fields(record: type[Any]) -> tuple[tuple[str, ...], Callable[[Record], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(record))
    return names, attrgetter(*names)
