import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from billing_core.models import Model
from tests.billing_core.sql_server_spelling import default_on_sql_server, type_on_sql_server

# The customer's specification, word for word.
SPECIFICATION = {
    "Subscriptions": """SubscriptionID INT identity key; UserID INT not null, FK Users; StripeSubscriptionID
        NVARCHAR(255) not null; Status NVARCHAR(50) not null; CurrentPeriodStart, CurrentPeriodEnd DATETIME2 not
        null; CancelAtPeriodEnd BIT default 0; CreatedAt, UpdatedAt DATETIME2 default now""",
    "PaymentMethods": """PaymentMethodID INT identity key; UserID INT not null, FK Users; StripePaymentMethodID
        NVARCHAR(255) not null; Type NVARCHAR(50) not null; Last4 NVARCHAR(4); Brand NVARCHAR(50); ExpMonth,
        ExpYear INT; IsDefault BIT default 0; CreatedAt DATETIME2 default now""",
    "Invoices": """InvoiceID INT identity key; UserID INT not null, FK Users; StripeInvoiceID NVARCHAR(255) not
        null; SubscriptionID INT, FK Subscriptions; Amount INT not null (cents); Currency NVARCHAR(3) default
        'AUD'; Status NVARCHAR(50) not null; DueDate, PaidAt DATETIME2; CreatedAt DATETIME2 default now""",
    "BillingEvents": """EventID INT identity key; StripeEventID NVARCHAR(255) not null; EventType NVARCHAR(100)
        not null; UserID INT, FK Users; SubscriptionID INT, FK Subscriptions; InvoiceID INT, FK Invoices;
        EventData NVARCHAR(MAX) (JSON payload); ProcessedAt DATETIME2 default now""",
}
# docs/schema.md says why.
WIDENED = {"Invoices.Amount": "BIGINT", "BillingEvents.EventID": "BIGINT"}


class SpecifiedColumn(NamedTuple):
    table: str
    name: str
    type: str
    rest: str


def specified_columns() -> Iterator[SpecifiedColumn]:
    for table, text in SPECIFICATION.items():
        for clause in re.sub(r"\s+", " ", text).split("; "):
            found = re.fullmatch(r"(\w+(?:, \w+)*) (INT|BIT|DATETIME2|NVARCHAR\(\w+\))(.*)", clause)
            assert found, clause
            for name in found[1].split(", "):
                yield SpecifiedColumn(table, name, found[2], found[3])


@pytest.mark.parametrize("specified", list(specified_columns()), ids=lambda column: f"{column.table}.{column.name}")
def test_specified_column_is_there_as_specified(specified: SpecifiedColumn) -> None:
    column = Model.metadata.tables[specified.table].columns[specified.name]
    wanted = WIDENED.get(f"{specified.table}.{specified.name}", specified.type)
    assert type_on_sql_server(column).replace("DATETIME2(6)", "DATETIME2") == wanted
    assert column.primary_key == ("identity key" in specified.rest)
    # A column with a default never has a use for null: docs/schema.md.
    required = any(word in specified.rest for word in ("not null", "identity key", "default"))
    assert column.nullable != required
    references = {key.column.table.name for key in column.foreign_keys}
    assert references == set(re.findall(r"FK (\w+)", specified.rest))


@pytest.mark.parametrize("specified", list(specified_columns()), ids=lambda column: f"{column.table}.{column.name}")
def test_specified_default_is_the_servers(specified: SpecifiedColumn) -> None:
    column = Model.metadata.tables[specified.table].columns[specified.name]
    default = re.search(r"default ('AUD'|0|now)", specified.rest)
    assert default_on_sql_server(column) == (default[1] if default else None)


def test_tables_are_named_as_agreed() -> None:
    assert set(Model.metadata.tables) == {
        *SPECIFICATION,
        "Users",
        "BillingActions",
        "BillingCheckpoints",
        "BillingCommands",
        "BillingCustomers",
        "Disputes",
        "InvoicePayments",
        "Refunds",
    }
