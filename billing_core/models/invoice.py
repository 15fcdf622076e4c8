from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, Unicode, text
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import StripeId
from billing_core.models.declarative import Model, Versioned


class Invoice(Versioned, Model):
    """A Stripe invoice. Its amounts are integers in the minor unit of `currency`, never divided."""

    __tablename__ = "Invoices"

    invoice_id: Mapped[int] = mapped_column("InvoiceID", Integer, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    stripe_invoice_id: Mapped[str] = mapped_column("StripeInvoiceID", StripeId(), unique=True)
    stripe_customer_id: Mapped[str] = mapped_column("StripeCustomerID", StripeId(), index=True)
    stripe_subscription_id: Mapped[str | None] = mapped_column("StripeSubscriptionID", StripeId(), index=True)
    subscription_id: Mapped[int | None] = mapped_column(
        "SubscriptionID", ForeignKey("Subscriptions.SubscriptionID"), index=True
    )
    number: Mapped[str | None] = mapped_column("Number", Unicode(100))
    billing_reason: Mapped[str | None] = mapped_column("BillingReason", Unicode(50))
    amount: Mapped[int] = mapped_column("Amount", BigInteger)
    amount_due: Mapped[int] = mapped_column("AmountDue", BigInteger)
    amount_paid: Mapped[int] = mapped_column("AmountPaid", BigInteger)
    amount_remaining: Mapped[int] = mapped_column("AmountRemaining", BigInteger)
    currency: Mapped[str] = mapped_column("Currency", Unicode(3), default="AUD", server_default="AUD")
    status: Mapped[str] = mapped_column("Status", Unicode(50))
    attempt_count: Mapped[int] = mapped_column("AttemptCount", Integer, default=0, server_default=text("0"))
    next_payment_attempt: Mapped[datetime | None] = mapped_column("NextPaymentAttempt")
    period_start: Mapped[datetime | None] = mapped_column("PeriodStart")
    period_end: Mapped[datetime | None] = mapped_column("PeriodEnd")
    due_date: Mapped[datetime | None] = mapped_column("DueDate")
    paid_at: Mapped[datetime | None] = mapped_column("PaidAt")
    stripe_created_at: Mapped[datetime] = mapped_column("StripeCreatedAt", index=True)
