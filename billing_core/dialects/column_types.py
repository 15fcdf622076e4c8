"""Column types that mean the same on every database, each spelled as its database needs it."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeDecorator, TypeEngine

BINARY_COLLATIONS = {"mssql": "Latin1_General_BIN2", "postgresql": "C", "sqlite": "BINARY"}


class StripeId(TypeDecorator[str]):
    """One of Stripe's IDs, or a key of theirs: up to 255 characters, compared byte by byte.

    Stripe's IDs are case-sensitive, SQL Server's default collation is not: `sub_a` would be found as `sub_A`.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(255)

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[str]:
        """NVARCHAR on SQL Server: pyodbc sends text as that, and a VARCHAR index would go unused."""
        collation = BINARY_COLLATIONS[dialect.name]
        string = mssql.NVARCHAR if dialect.name == "mssql" else sa.String
        return dialect.type_descriptor(string(255, collation=collation))


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware datetimes in, aware UTC datetimes out, to the microsecond.

    Raises:
        ValueError: for a naive datetime, whose zone could only be guessed.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[datetime]:
        """DATETIME2(6) has Python's own precision: a value read back equals the value written."""
        if dialect.name == "mssql":
            return dialect.type_descriptor(mssql.DATETIME2(6))  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy 2.1
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | str | None:
        """Convert to UTC, and drop the zone where the column cannot hold one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} is naive: give it a time zone")
        moment = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return moment
        zoneless = moment.replace(tzinfo=None)
        # As text: of a datetime pyodbc sends as many digits as the server says when asked for its types, and none
        # where it says nothing (Babelfish).
        return zoneless.isoformat() if dialect.name == "mssql" else zoneless

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Give back the zone that the column left out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Spelled out for SQL Server: without a connection, as in `alembic upgrade --sql`, SQLAlchemy writes NTEXT,
# which is deprecated and cannot be compared.
LongText = sa.UnicodeText().with_variant(mssql.NVARCHAR(), "mssql")


class JsonText(TypeDecorator[str]):
    """JSON kept as the very text it came in: what Stripe signed is what an auditor reads, to the last digit.

    Raises:
        TypeError: for anything but text, so that no parsed object is stored by its `repr`.
    """

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Pass text through."""
        if value is not None and not isinstance(value, str):
            raise TypeError(f"JsonText takes JSON as text, not {type(value).__name__}")
        return value


class JsonObject(TypeDecorator[dict[str, Any]]):
    """A small JSON object of our own making, as a dict; stored as text on every database."""

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, _dialect: sa.Dialect) -> str | None:
        """Escape to ASCII: a lone surrogate in somebody's text is valid JSON but has no UTF-8 encoding."""
        return None if value is None else json.dumps(value, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: str | None, _dialect: sa.Dialect) -> dict[str, Any] | None:
        """Parse the stored text."""
        if value is None:
            return None
        parsed: dict[str, Any] = json.loads(value)
        return parsed


# An audit trail outgrows INT first. SQLite numbers rows by itself only where the type reads INTEGER; that has
# 64 bits there.
EventKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
