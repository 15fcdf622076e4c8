from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Integer, Unicode
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.dialects import JsonObject, UtcNow
from billing_core.models.declarative import Model, utc_now


class BillingCheckpoint(Model):
    """How far a repair has come: what a later run, or one after a crash, begins with."""

    __tablename__ = "BillingCheckpoints"

    billing_checkpoint_id: Mapped[int] = mapped_column("BillingCheckpointID", Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column("Name", Unicode(100), unique=True)
    value: Mapped[dict[str, Any]] = mapped_column("Value", JsonObject())
    updated_at: Mapped[datetime] = mapped_column(
        "UpdatedAt", default=utc_now, onupdate=utc_now, server_default=UtcNow()
    )
