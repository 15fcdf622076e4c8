from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, Unicode
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class InvoicePayment(Versioned, Model):
    """Which payment pays which invoice: since API version 2025-03-31 the only way from a charge to its invoice.

    https://docs.stripe.com/api/invoice-payment
    """

    __tablename__ = "InvoicePayments"

    invoice_payment_id: Mapped[int] = mapped_column("InvoicePaymentID", Integer, Identity(), primary_key=True)
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    stripe_invoice_payment_id: Mapped[str] = mapped_column("StripeInvoicePaymentID", StripeId(), unique=True)
    stripe_invoice_id: Mapped[str] = mapped_column("StripeInvoiceID", StripeId(), index=True)
    invoice_id: Mapped[int | None] = mapped_column("InvoiceID", ForeignKey("Invoices.InvoiceID"))
    subscription_id: Mapped[int | None] = mapped_column("SubscriptionID", ForeignKey("Subscriptions.SubscriptionID"))
    stripe_payment_intent_id: Mapped[str | None] = mapped_column("StripePaymentIntentID", StripeId(), index=True)
    stripe_charge_id: Mapped[str | None] = mapped_column("StripeChargeID", StripeId())
    amount_paid: Mapped[int | None] = mapped_column("AmountPaid", BigInteger)
    amount_requested: Mapped[int | None] = mapped_column("AmountRequested", BigInteger)
    currency: Mapped[str] = mapped_column("Currency", Unicode(3))
    status: Mapped[str] = mapped_column("Status", Unicode(50))
    paid_at: Mapped[datetime | None] = mapped_column("PaidAt")
    stripe_created_at: Mapped[datetime] = mapped_column("StripeCreatedAt", index=True)
