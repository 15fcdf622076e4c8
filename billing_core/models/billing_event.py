from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, Unicode, column, text
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import EventKey, JsonObject, JsonText, LongText, StripeId, UtcNow, only_where
from billing_core.models.declarative import Model, utc_now

# Few events have a key: only those that somebody's API request caused.
_KEYED = column("IdempotencyKey").is_not(None)


class BillingEvent(Model):
    """The audit trail: one row for every Stripe event we took up, and what came of it."""

    __tablename__ = "BillingEvents"
    __table_args__ = (
        Index(None, "Outcome", "ProcessedAt"),
        Index(None, "UserID", "ProcessedAt"),
        Index(None, "IdempotencyKey", **only_where(_KEYED)),
    )

    event_id: Mapped[int] = mapped_column("EventID", EventKey, Identity(), primary_key=True)
    stripe_event_id: Mapped[str] = mapped_column("StripeEventID", StripeId(), unique=True)
    event_type: Mapped[str] = mapped_column("EventType", Unicode(100))
    object_id: Mapped[str | None] = mapped_column("ObjectID", StripeId(), index=True)
    stripe_customer_id: Mapped[str | None] = mapped_column("StripeCustomerID", StripeId(), index=True)
    user_id: Mapped[int | None] = mapped_column("UserID", ForeignKey("Users.UserID"))
    subscription_id: Mapped[int | None] = mapped_column("SubscriptionID", ForeignKey("Subscriptions.SubscriptionID"))
    invoice_id: Mapped[int | None] = mapped_column("InvoiceID", ForeignKey("Invoices.InvoiceID"))
    api_version: Mapped[str | None] = mapped_column("ApiVersion", Unicode(50))
    livemode: Mapped[bool] = mapped_column("Livemode")
    request_id: Mapped[str | None] = mapped_column("RequestID", StripeId())
    idempotency_key: Mapped[str | None] = mapped_column("IdempotencyKey", StripeId())
    # Text of JSON, or sealed: billing_core/payloads.py writes and reads it. A dict is refused.
    event_data: Mapped[str | None] = mapped_column("EventData", JsonText())
    stripe_created_at: Mapped[datetime] = mapped_column("StripeCreatedAt", index=True)
    received_at: Mapped[datetime] = mapped_column("ReceivedAt")
    processed_at: Mapped[datetime] = mapped_column("ProcessedAt", default=utc_now, server_default=UtcNow())
    outcome: Mapped[str] = mapped_column("Outcome", Unicode(20))
    reason: Mapped[str | None] = mapped_column("Reason", Unicode(500))
    error: Mapped[str | None] = mapped_column("Error", LongText)
    attempts: Mapped[int] = mapped_column("Attempts", Integer, default=1, server_default=text("1"))
    changes: Mapped[dict[str, Any] | None] = mapped_column("Changes", JsonObject())
