from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class BillingCustomer(Versioned, Model):
    """Which user a Stripe customer is. Without a user it is known but not linked yet."""

    __tablename__ = "BillingCustomers"

    billing_customer_id: Mapped[int] = mapped_column("BillingCustomerID", Integer, Identity(), primary_key=True)
    stripe_customer_id: Mapped[str] = mapped_column("StripeCustomerID", StripeId(), unique=True)
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    default_payment_method: Mapped[str | None] = mapped_column("DefaultPaymentMethod", StripeId())
    deleted_at: Mapped[datetime | None] = mapped_column("DeletedAt")
    # Null while we know of the customer by name only and have seen no state of it.
    as_of: Mapped[datetime | None] = mapped_column("AsOf", sort_order=100)  # type: ignore[assignment]  # wider here
