"""How Alembic compares models with a database: our tables and nothing else of the host platform's."""

from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Identity

from billing_core.models import Model, User


def comparison_options(dialect_name: str) -> dict[str, Any]:
    """Return what lets `alembic check` and `revision --autogenerate` report all differences and only those."""
    return {
        "include_object": _is_ours,
        "compare_type": True,
        "compare_server_default": _differs_in_default if dialect_name == "sqlite" else True,
    }


def _is_ours(item: Any, name: str | None, kind: str, _reflected: bool, _counterpart: Any) -> bool:  # noqa: FBT001 (Alembic's signature)
    """Leave out every table that no model names, and whatever the host platform has in Users."""
    if kind == "table":
        return name in Model.metadata.tables
    return bool(item.table.name != User.__tablename__)


def _differs_in_default(
    _context: MigrationContext,
    _reflected: Column[Any],
    modeled: Column[Any],
    _reflected_default: str | None,
    _modeled_default: Any,
    _rendered_default: str | None,
) -> bool | None:
    """Return False for SQLite's keys, which number themselves without IDENTITY; None leaves it to Alembic."""
    return False if isinstance(modeled.server_default, Identity) else None
