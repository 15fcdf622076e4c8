"""The kinds of database that tests run on, and an empty one of each."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.embedded.postgres_server import PostgresServer
from tests.sql_server import KIND as SQL_SERVER
from tests.sql_server.databases import Databases

EACH = ["sqlite", "postgres", *SQL_SERVER]
ANY = ["sqlite", *SQL_SERVER]
"""For tests that say little about the database: SQLite, the quickest, stands for PostgreSQL too."""
SERVERS = ["postgres", *SQL_SERVER]
"""For tests with many writers at a time, which SQLite does not have."""

ONLY_SQL_SERVER: list[Any] = SQL_SERVER or [
    pytest.param("mssql", marks=pytest.mark.skip(reason="SQL Server: TEST_MSSQL_URL is not set"))
]
"""For tests of what the others do not have."""


@contextmanager
def empty_database(request: pytest.FixtureRequest, kind: str) -> Iterator[str]:
    """Give the URL of a database for a fixture of any scope."""
    if kind == "sqlite":
        folder: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        # A file: threads and processes share it, as in `make run`.
        yield f"sqlite:///{folder.mktemp('database') / 'billing.db'}"
    elif kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = f"test_{uuid.uuid4().hex}"
        yield server.create_database(name)
        server.drop_database(name)
    else:
        databases: Databases = request.getfixturevalue("sql_server")
        with databases.empty() as url:
            yield url
