"""What tables share: names for constraints, Python types, and the columns that guard an object's state."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from billing_core.dialects import StripeId, UtcDateTime, UtcNow

# Every constraint has a name, the same on each database, so that a later migration can alter it.
NAMING_CONVENTION = {
    "pk": "PK_%(table_name)s",
    "fk": "FK_%(table_name)s_%(column_0_N_name)s",
    "uq": "UQ_%(table_name)s_%(column_0_N_name)s",
    "ix": "IX_%(table_name)s_%(column_0_N_name)s",
}

# `as_of` of a row without a state: every state that Stripe can send is newer.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Return this process's clock, aware and in UTC."""
    return datetime.now(UTC)


class Model(DeclarativeBase):
    """A row. Attributes are the column's name in snake_case; `docs/schema.md` explains each column."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 (SQLAlchemy reads it once)

    @classmethod
    def by_column(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by attribute under their columns' names."""
        names = _column_names(cls)
        return {names[attribute]: value for attribute, value in values.items()}


@cache
def _column_names(model: type[Model]) -> dict[str, str]:
    return {attribute: column.name for attribute, column in model.__mapper__.columns.items()}


class Timestamped:
    """When we, not Stripe, first and last wrote the row."""

    # Last in the table, wherever the mixin stands among the bases.
    created_at: Mapped[datetime] = mapped_column("CreatedAt", default=utc_now, server_default=UtcNow(), sort_order=110)
    updated_at: Mapped[datetime] = mapped_column(
        "UpdatedAt", default=utc_now, onupdate=utc_now, server_default=UtcNow(), sort_order=111
    )


class Versioned(Timestamped):
    """A copy of one Stripe object, and which of its states we hold."""

    # Stripe's time of the state we hold. A state older than this is stale.
    as_of: Mapped[datetime] = mapped_column("AsOf", sort_order=100)
    # Counts our writes: a writer that read revision n writes only where it still is n.
    revision: Mapped[int] = mapped_column("Revision", Integer, default=1, server_default=text("1"), sort_order=101)
    # The event whose state we hold; null when it came from a command or from a fetch.
    last_event_id: Mapped[str | None] = mapped_column("LastEventID", StripeId(), sort_order=102)
