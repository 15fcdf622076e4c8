from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Integer, Unicode
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import JsonObject, StripeId, UtcNow
from billing_core.models.declarative import Model, utc_now


class BillingAction(Model):
    """What a person, or the service by itself, did beside Stripe's events and the API's commands."""

    __tablename__ = "BillingActions"

    billing_action_id: Mapped[int] = mapped_column("BillingActionID", Integer, Identity(), primary_key=True)
    subject: Mapped[str] = mapped_column("Subject", Unicode(255))
    source: Mapped[str] = mapped_column("Source", Unicode(20))
    action: Mapped[str] = mapped_column("Action", Unicode(50))
    target: Mapped[str | None] = mapped_column("Target", StripeId(), index=True)
    # IDs and counts: nothing personal, since it outlives the user's erasure.
    details: Mapped[dict[str, Any] | None] = mapped_column("Details", JsonObject())
    created_at: Mapped[datetime] = mapped_column("CreatedAt", default=utc_now, server_default=UtcNow())
