from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, Unicode, text
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import JsonObject, StripeId
from billing_core.models.declarative import Model, Timestamped, utc_now


class BillingCommand(Timestamped, Model):
    """What somebody asked us to do at Stripe, and what came of it."""

    __tablename__ = "BillingCommands"
    __table_args__ = (Index(None, "Status", "DueAt"),)

    billing_command_id: Mapped[int] = mapped_column("BillingCommandID", Integer, Identity(), primary_key=True)
    command_id: Mapped[str] = mapped_column("CommandID", StripeId(), unique=True)
    name: Mapped[str] = mapped_column("Name", Unicode(50))
    subject: Mapped[str] = mapped_column("Subject", Unicode(255))
    idempotency_key: Mapped[str] = mapped_column("IdempotencyKey", StripeId(), unique=True)
    arguments: Mapped[dict[str, Any]] = mapped_column("Arguments", JsonObject())
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"), index=True)
    subscription_id: Mapped[int | None] = mapped_column("SubscriptionID", ForeignKey("Subscriptions.SubscriptionID"))
    invoice_id: Mapped[int | None] = mapped_column("InvoiceID", ForeignKey("Invoices.InvoiceID"))
    status: Mapped[str] = mapped_column("Status", Unicode(20))
    attempts: Mapped[int] = mapped_column("Attempts", Integer, default=0, server_default=text("0"))
    # A worker has it until then. Past, the worker is taken for dead.
    leased_until: Mapped[datetime | None] = mapped_column("LeasedUntil")
    # When the sweep queues it again, unless it is finished by then.
    due_at: Mapped[datetime] = mapped_column("DueAt", default=utc_now)
    # What was sent to Stripe, written before it is sent.
    steps: Mapped[dict[str, Any] | None] = mapped_column("Steps", JsonObject())
    stripe_request_id: Mapped[str | None] = mapped_column("StripeRequestID", StripeId())
    result: Mapped[dict[str, Any] | None] = mapped_column("Result", JsonObject())
    error: Mapped[dict[str, Any] | None] = mapped_column("Error", JsonObject())
    finished_at: Mapped[datetime | None] = mapped_column("FinishedAt")
    # Counts our writes: a worker that lost its lease finds another number, and writes nothing.
    revision: Mapped[int] = mapped_column("Revision", Integer, default=1, server_default=text("1"), sort_order=101)
