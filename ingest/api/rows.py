"""What callers get: our rows, under our columns' names, without what is only machinery."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[int, Field(description="in the currency's minor unit (cents)")]


class Row(BaseModel):
    """Times are UTC; words from Stripe may gain values that are not known today."""

    model_config = ConfigDict(from_attributes=True)


class SubscriptionRow(Row):
    """A subscription as Stripe last told it. https://docs.stripe.com/api/subscriptions/object"""

    subscription_id: int
    user_id: int
    stripe_subscription_id: str
    stripe_price_id: str | None
    status: str
    quantity: int | None
    current_period_start: datetime
    current_period_end: datetime
    cancel_at_period_end: bool
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    trial_end: datetime | None
    default_payment_method: str | None
    latest_invoice: str | None
    stripe_created_at: datetime
    updated_at: datetime


class InvoiceRow(Row):
    """An invoice as Stripe last told it. https://docs.stripe.com/api/invoices/object"""

    invoice_id: int
    user_id: int
    stripe_invoice_id: str
    subscription_id: int | None
    stripe_subscription_id: str | None
    number: str | None
    billing_reason: str | None
    amount: Amount
    amount_due: Amount
    amount_paid: Amount
    amount_remaining: Amount
    currency: str
    status: str
    attempt_count: int
    next_payment_attempt: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    due_date: datetime | None
    paid_at: datetime | None
    stripe_created_at: datetime


class PaymentMethodRow(Row):
    """Of a card no more than a receipt shows."""

    payment_method_id: int
    user_id: int
    stripe_payment_method_id: str
    type: str
    last4: str | None
    brand: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: bool
    detached_at: datetime | None
    created_at: datetime


class EventRow(Row):
    """What Stripe told about the user, and what came of it. Stripe's own document stays with us: it names people."""

    event_id: int
    stripe_event_id: str
    event_type: str
    object_id: str | None
    user_id: int | None
    subscription_id: int | None
    invoice_id: int | None
    outcome: str
    stripe_created_at: datetime
    processed_at: datetime


class RefundRow(Row):
    """Money given back. https://docs.stripe.com/api/refunds/object"""

    refund_id: int
    user_id: int | None
    stripe_refund_id: str
    invoice_id: int | None
    stripe_invoice_id: str | None
    subscription_id: int | None
    amount: Amount
    currency: str
    status: str
    reason: str | None
    failure_reason: str | None
    stripe_created_at: datetime


class CommandError(BaseModel):
    """Why a command did not do what it was asked. The message is ours, not Stripe's."""

    model_config = ConfigDict(extra="ignore")

    code: str | None = None
    param: str | None = None
    decline_code: str | None = None
    message: str | None = None
    next_step: str | None = None
    request_id: str | None = None


class CommandRow(Row):
    """A command on record: what was asked, by whom, and how it stands."""

    command_id: str
    name: str
    status: str = Field(description="pending, running; then succeeded, declined, refused or failed")
    subject: str = Field(description="who asked")
    idempotency_key: str
    arguments: dict[str, Any]
    attempts: int
    result: dict[str, Any] | None
    error: CommandError | None
    stripe_request_id: str | None
    user_id: int | None
    subscription_id: int | None
    invoice_id: int | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Accepted(BaseModel):
    """The command is on record and will be done. Each request with its key gets this same answer."""

    command_id: str
    name: str
    idempotency_key: str
    location: str
    created_at: datetime


class ClientSecret(BaseModel):
    """For Stripe.js, straight from Stripe: neither stored nor logged here."""

    client_secret: str


RowT = TypeVar("RowT", bound=Row)


class Page(BaseModel, Generic[RowT]):
    """Part of a list, newest first."""

    data: list[RowT]
    next: str | None = Field(description="cursor of the next page; null on the last one")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the schema's name in the OpenAPI document, InvoicePage for instance."""
        return f"{params[0].__name__.removesuffix('Row')}Page"
