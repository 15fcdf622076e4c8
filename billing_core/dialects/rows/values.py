"""What is to be written, and each value as the driver takes it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

Values = Mapping[str, Any]
"""A row's values by column name. All rows of a call have the same columns."""


class GuardedRow(NamedTuple):
    """What to write over a row, if it still says what was held; the key is among what was held."""

    held: Values
    new: Values

    @property
    def columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns held and the new ones."""
        return tuple(self.held), tuple(self.new)


def as_driven(table: sa.Table, dialect: sa.Dialect, values: Values) -> dict[str, Any]:
    """Return the values as the driver takes them, in the same order."""
    processors = _processors(table, dialect)
    return {name: processors[name](value) if name in processors else value for name, value in values.items()}


@cache  # a process has one engine, or a few
def _processors(table: sa.Table, dialect: sa.Dialect) -> dict[str, Callable[[Any], Any]]:
    found = {column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns}
    return {name: processor for name, processor in found.items() if processor}
