from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, Unicode
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class Refund(Versioned, Model):
    """Money given back, linked to user, subscription and invoice as far as they are known."""

    __tablename__ = "Refunds"

    refund_id: Mapped[int] = mapped_column("RefundID", Integer, Identity(), primary_key=True)
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    stripe_refund_id: Mapped[str] = mapped_column("StripeRefundID", StripeId(), unique=True)
    stripe_charge_id: Mapped[str | None] = mapped_column("StripeChargeID", StripeId())
    stripe_payment_intent_id: Mapped[str | None] = mapped_column("StripePaymentIntentID", StripeId(), index=True)
    stripe_invoice_id: Mapped[str | None] = mapped_column("StripeInvoiceID", StripeId(), index=True)
    stripe_customer_id: Mapped[str | None] = mapped_column("StripeCustomerID", StripeId(), index=True)
    subscription_id: Mapped[int | None] = mapped_column("SubscriptionID", ForeignKey("Subscriptions.SubscriptionID"))
    invoice_id: Mapped[int | None] = mapped_column("InvoiceID", ForeignKey("Invoices.InvoiceID"))
    amount: Mapped[int] = mapped_column("Amount", BigInteger)
    currency: Mapped[str] = mapped_column("Currency", Unicode(3))
    status: Mapped[str] = mapped_column("Status", Unicode(50))
    reason: Mapped[str | None] = mapped_column("Reason", Unicode(100))
    failure_reason: Mapped[str | None] = mapped_column("FailureReason", Unicode(100))
    stripe_created_at: Mapped[datetime] = mapped_column("StripeCreatedAt", index=True)
