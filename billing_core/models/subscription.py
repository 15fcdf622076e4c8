from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Integer, Unicode, false
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class Subscription(Versioned, Model):
    """A Stripe subscription of one user."""

    __tablename__ = "Subscriptions"

    subscription_id: Mapped[int] = mapped_column("SubscriptionID", Integer, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    stripe_subscription_id: Mapped[str] = mapped_column("StripeSubscriptionID", StripeId(), unique=True)
    stripe_customer_id: Mapped[str] = mapped_column("StripeCustomerID", StripeId(), index=True)
    stripe_price_id: Mapped[str | None] = mapped_column("StripePriceID", StripeId())
    status: Mapped[str] = mapped_column("Status", Unicode(50))
    quantity: Mapped[int | None] = mapped_column("Quantity", Integer)
    current_period_start: Mapped[datetime] = mapped_column("CurrentPeriodStart")
    current_period_end: Mapped[datetime] = mapped_column("CurrentPeriodEnd")
    cancel_at_period_end: Mapped[bool] = mapped_column("CancelAtPeriodEnd", default=False, server_default=false())
    cancel_at: Mapped[datetime | None] = mapped_column("CancelAt")
    canceled_at: Mapped[datetime | None] = mapped_column("CanceledAt")
    ended_at: Mapped[datetime | None] = mapped_column("EndedAt")
    trial_end: Mapped[datetime | None] = mapped_column("TrialEnd")
    default_payment_method: Mapped[str | None] = mapped_column("DefaultPaymentMethod", StripeId())
    latest_invoice: Mapped[str | None] = mapped_column("LatestInvoice", StripeId())
    stripe_created_at: Mapped[datetime] = mapped_column("StripeCreatedAt", index=True)
