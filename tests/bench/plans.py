"""Which statements were sent to a database, and whether the plan of any of them reads a whole table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from billing_core.database import Database, create_engine_for
from billing_core.parked import owned_by_now
from billing_core.process import Processor
from billing_core.stripe_api import StripeApi
from tests.bench.corpus import events_of
from tests.building import fact_from

# Rows below which PostgreSQL may find a scan cheaper than as many look-ups as a batch needs.
SMALL = 50_000
BATCH = 50

# Statements as SQLAlchemy compiled them, each with one of the texts that the driver got, and its parameters.
Statements = dict[str, tuple[str, Any]]


def scanning_statements(url: str, customers: range) -> dict[str, list[str]]:
    """Apply customers' month as a worker does, and look for parked events as the sweep does.

    Children come before their parents, so that what links them later is among it.

    Returns:
        The statements whose plan reads the whole of a table, and which tables.
    """
    database = Database(create_engine_for(url, pool_size=1))
    processor = Processor(database, StripeApi(None, "", timeout=1, max_retries=0))
    facts = [fact_from(posted.body) for posted in events_of(customers)][::-1]
    with recording(database.engine) as statements:
        for start in range(0, len(facts), BATCH):
            processor.process(facts[start : start + BATCH])
        with database.read() as session:
            owned_by_now(session)
    found = scans(database.engine, statements)
    database.dispose()
    return {" ".join(text.split()): tables for text, tables in found.items()}


@contextmanager
def recording(engine: sa.Engine) -> Iterator[Statements]:
    """Record what is sent."""
    made = Statements()

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, context: Any, _many: Any) -> None:
        if not text.startswith(("BEGIN", "PRAGMA")):
            one = parameters[0] if isinstance(parameters, list) else parameters
            made.setdefault(str(context.compiled or text), (text, one))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def scans(engine: sa.Engine, made: Statements) -> dict[str, list[str]]:
    """Return the statements whose plan reads the whole of a table or index, and which those are."""
    look = {"postgresql": _scanned_by_postgresql, "sqlite": _scanned_by_sqlite}[engine.dialect.name]
    with engine.connect() as connection:
        found = {statement: look(connection, *sent) for statement, sent in made.items()}
    return {statement: tables for statement, tables in found.items() if tables}


def _scanned_by_sqlite(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """https://www.sqlite.org/eqp.html: a SEARCH uses an index, a SCAN of a table does not."""
    if statement.startswith("INSERT"):
        # It reads nothing. The plan has the search for children of the new key, which is made only while a transaction
        # has broken foreign keys to mend: https://www.sqlite.org/foreignkeys.html#fk_indexes
        return []
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row.detail for row in rows if re.match(r"SCAN (?!CONSTANT|\()", row.detail)]


def _scanned_by_postgresql(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """A small table is scanned because that is cheaper, although there is an index."""
    query = sa.text("SELECT relname FROM pg_class WHERE reltuples >= :small")
    large = set(connection.scalars(query, {"small": SMALL}))
    explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    return [name for name in _whole(explained[0]["Plan"]) if name in large]


def _whole(node: dict[str, Any]) -> list[str]:
    """Return the tables of which a plan reads every row, by themselves or by an index without a condition."""
    kind = node["Node Type"]
    reads_all = kind == "Seq Scan" or ("Index" in kind and kind != "Bitmap Heap Scan" and "Index Cond" not in node)
    here = [str(node.get("Relation Name") or node.get("Index Name"))] if reads_all else []
    return here + [table for inner in node.get("Plans", []) for table in _whole(inner)]
