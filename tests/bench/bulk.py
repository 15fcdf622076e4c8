"""Rows in bulk: what the first customer has, every other one gets, by one INSERT … SELECT for each table."""

from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from billing_core.database import Database, create_engine_for
from billing_core.dialects import StripeId
from billing_core.models import BillingEvent, Model, User
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from tests.bench.corpus import DIGITS, FIRST, handled, signed_up
from tests.building import fact_from

_HISTORY = Model.metadata.tables[BillingEvent.__tablename__]


def fill(url: str, customers: int, history: int = 0) -> None:
    """Sign so many customers up, or as many more as have about `history` events on record; that of a new database."""
    events = _sign_up_first(url)
    engine = sa.create_engine(url)  # without the product's limit on a statement's time
    with engine.begin() as connection:
        for table in Model.metadata.sorted_tables:
            if table is not _HISTORY:
                _copy(connection, table, range(2, max(customers, history // events) + 1), rows=1)
        _copy(connection, _HISTORY, range(2, history // events + 1), rows=events)
    if engine.dialect.name == "postgresql":  # tell the planner, as autovacuum would within a minute
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE"))
    engine.dispose()


def _sign_up_first(url: str) -> int:
    """Apply the sign-up of customer 1, as a worker does; return the number of its events."""
    database = Database(create_engine_for(url, pool_size=1))
    with database.write() as session:
        session.add(User(user_id=1))
    with signed_up() as fake:
        stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=10, max_retries=0)
        # That a charge was refunded only says that there is a refund, which has an event of its own.
        events = [event for event in handled(fake) if event["type"] != "charge.refunded"]
        facts = [fact_from(fake.body(event)) for event in events]
        for fact in facts:
            Processor(database, stripe).process([fact])
    database.dispose()
    return len(facts)


def _copy(connection: sa.Connection, table: sa.Table, customers: range, *, rows: int) -> None:
    """Give customers the first customer's rows, as many as it has, whose own IDs count from 1."""
    [key] = table.primary_key.columns
    numbers = sa.select(sa.literal(customers.start).label("customer")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.customer + 1).where(numbers.c.customer < customers.stop - 1))
    values = [_value(column, numbers.c.customer, rows) for column in table.columns]
    copies = sa.select(*values).select_from(table.join(numbers, sa.true())).where(key <= rows)
    connection.execute(table.insert().from_select([column.name for column in table.columns], copies))
    if connection.dialect.name == "postgresql":  # which numbers rows by itself, but does not look at those it was given
        sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', key.name)
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(key))))


def _value(column: sa.Column[Any], customer: sa.ColumnElement[int], rows: int) -> sa.ColumnElement[Any]:
    if column is _HISTORY.c.EventData:
        return sa.null()
    if column.primary_key:
        return column + (customer - 1) * rows
    if column.foreign_keys:
        return sa.case((column.is_not(None), customer))
    if isinstance(column.type, StripeId):
        return sa.func.replace(column, FIRST, sa.func.substr(sa.cast(10**DIGITS + customer, sa.String), 2))
    return column
