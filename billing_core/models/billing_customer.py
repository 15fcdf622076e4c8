from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Integer, Unicode
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import NEVER, Model, Versioned


class BillingCustomer(Versioned, Model):
    """Which user a Stripe customer is. Without a user it is known but not linked yet."""

    __tablename__ = "BillingCustomers"

    billing_customer_id: Mapped[int] = mapped_column("BillingCustomerID", Integer, Identity(), primary_key=True)
    stripe_customer_id: Mapped[str] = mapped_column("StripeCustomerID", StripeId(), unique=True)
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    # What Stripe says, kept as it is: the user may not be ours, or not be there yet.
    app: Mapped[str | None] = mapped_column("App", Unicode(500))
    named_user: Mapped[str | None] = mapped_column("NamedUser", Unicode(500))
    default_payment_method: Mapped[str | None] = mapped_column("DefaultPaymentMethod", StripeId())
    deleted_at: Mapped[datetime | None] = mapped_column("DeletedAt")
    # Since then, nothing personal of the customer's is written any more.
    erased_at: Mapped[datetime | None] = mapped_column("ErasedAt")
    # A customer linked by hand, or known by its ID only, has no state yet.
    as_of: Mapped[datetime] = mapped_column("AsOf", default=NEVER, sort_order=100)
