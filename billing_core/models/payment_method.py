from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Integer, Unicode, false
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class PaymentMethod(Versioned, Model):
    """A card or other means of payment; of a card no more than what a receipt shows."""

    __tablename__ = "PaymentMethods"

    payment_method_id: Mapped[int] = mapped_column("PaymentMethodID", Integer, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    stripe_payment_method_id: Mapped[str] = mapped_column("StripePaymentMethodID", StripeId(), unique=True)
    stripe_customer_id: Mapped[str | None] = mapped_column("StripeCustomerID", StripeId(), index=True)
    type: Mapped[str] = mapped_column("Type", Unicode(50))
    last4: Mapped[str | None] = mapped_column("Last4", Unicode(4))
    brand: Mapped[str | None] = mapped_column("Brand", Unicode(50))
    exp_month: Mapped[int | None] = mapped_column("ExpMonth", Integer)
    exp_year: Mapped[int | None] = mapped_column("ExpYear", Integer)
    is_default: Mapped[bool] = mapped_column("IsDefault", default=False, server_default=false())
    detached_at: Mapped[datetime | None] = mapped_column("DetachedAt")
