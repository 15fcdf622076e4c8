import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from billing_core.dialects import JsonObject, JsonText, StripeId
from billing_core.models import Model
from tests.billing_core.sql_server_spelling import default_on_sql_server, type_on_sql_server

ROOT = Path(__file__).parents[2]


class DocumentedColumn(NamedTuple):
    name: str
    type: str
    null: str
    meaning: str


def documented_tables() -> dict[str, dict[str, DocumentedColumn]]:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs/schema").glob("*.md")))
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^##? |\Z)", pages, re.MULTILINE | re.DOTALL)
    return {
        table: {row[0]: DocumentedColumn(*row) for row in _rows(text)}
        for table, text in sections
        if "| Column | Type | Null | Meaning |" in text
    }


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "Column" and not cells[0].startswith("-"):
            yield cells


def documented_type(column: sa.Column[Any]) -> str:
    if isinstance(column.type, StripeId):
        spelled = "StripeId"
    elif isinstance(column.type, JsonText | JsonObject):
        spelled = "NVARCHAR(MAX), JSON"
    else:
        spelled = type_on_sql_server(column)
    identity = " identity" if column.primary_key else ""
    references = "".join(f", FK {key.column.table.name}" for key in column.foreign_keys)
    default = default_on_sql_server(column)
    return f"{spelled}{identity}{references}" + (f", default {default}" if default else "")


def test_schema_page_describes_every_table() -> None:
    assert set(documented_tables()) == set(Model.metadata.tables)


@pytest.mark.parametrize("table", list(Model.metadata.tables.values()), ids=lambda table: table.name)
def test_schema_page_agrees_with_the_models(table: sa.Table) -> None:
    documented = documented_tables()[table.name]
    assert {name: (row.type, row.null) for name, row in documented.items()} == {
        column.name: (documented_type(column), "null" if column.nullable else "") for column in table.columns
    }
    assert [row.name for row in documented.values() if not row.meaning] == []
