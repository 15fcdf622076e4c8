"""Everything in which SQL Server, PostgreSQL and SQLite differ; but for migrations/, nobody else asks which it is."""

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
from billing_core.dialects.ddl import UtcNow, create_table_unless_exists, migrating, only_where, prepare_migration
from billing_core.dialects.engines import READING, WRITING, create_engine_for, require_driver
from billing_core.dialects.error_codes import is_transient, is_unique_violation
from billing_core.dialects.examination import examine_server
from billing_core.dialects.limits import in_chunks
from billing_core.dialects.rows import GuardedRow, insert_rows, update_rows
from billing_core.dialects.text_search import contains_literally

__all__ = [
    "BINARY_COLLATIONS",
    "READING",
    "WRITING",
    "EventKey",
    "GuardedRow",
    "JsonObject",
    "JsonText",
    "LongText",
    "StripeId",
    "UtcDateTime",
    "UtcNow",
    "contains_literally",
    "create_engine_for",
    "create_table_unless_exists",
    "examine_server",
    "ids_compared_loosely",
    "in_chunks",
    "insert_rows",
    "is_transient",
    "is_unique_violation",
    "migrating",
    "only_where",
    "prepare_migration",
    "require_driver",
    "update_rows",
]
