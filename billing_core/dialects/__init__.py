"""Everything in which SQL Server, PostgreSQL and SQLite differ; no other module asks which it talks to."""

from billing_core.dialects.collations import ids_compared_loosely
from billing_core.dialects.column_types import (
    BINARY_COLLATIONS,
    EventKey,
    JsonObject,
    JsonText,
    LongText,
    StripeId,
    UtcDateTime,
)
from billing_core.dialects.ddl import UtcNow, create_table_unless_exists, prepare_migration
from billing_core.dialects.error_codes import is_transient, is_unique_violation
from billing_core.dialects.impatience import ImpatientConnection

__all__ = [
    "BINARY_COLLATIONS",
    "EventKey",
    "ImpatientConnection",
    "JsonObject",
    "JsonText",
    "LongText",
    "StripeId",
    "UtcDateTime",
    "UtcNow",
    "create_table_unless_exists",
    "ids_compared_loosely",
    "is_transient",
    "is_unique_violation",
    "prepare_migration",
]
