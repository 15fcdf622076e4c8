"""What an operator should know of a kind of server beyond that it answers."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from billing_core.dialects.engines.odbc_drivers import is_freetds
from billing_core.finding import Finding, ok, warn

# SQLGetInfo's numbers; pyodbc's names for them need pyodbc.
_DRIVER_NAME, _DRIVER_VERSION = 6, 7
_FREETDS_CHECKS_CERTIFICATES = "01.05"


def examine_server(connection: sa.Connection) -> list[Finding]:
    """Look at what only this kind of server has."""
    return list(_examined_mssql(connection)) if connection.dialect.name == "mssql" else []


def _examined_mssql(connection: sa.Connection) -> Iterator[Finding]:
    yield _driver(connection)
    versioned = connection.scalar(
        sa.text("SELECT is_read_committed_snapshot_on FROM sys.databases WHERE name = DB_NAME()")
    )
    if versioned:
        yield ok("snapshots", "readers do not wait for writers")
    else:
        found = "READ_COMMITTED_SNAPSHOT is off: readers wait for writers"
        yield warn("snapshots", found, "switch it on as in docs/sqlserver.md; nothing is wrong without, only slower")


def _driver(connection: sa.Connection) -> Finding:
    driver: Any = connection.connection.driver_connection
    name, version = driver.getinfo(_DRIVER_NAME), driver.getinfo(_DRIVER_VERSION)
    trusted = str(connection.engine.url.query.get("TrustServerCertificate", "no")).lower() in {"yes", "true"}
    if is_freetds(name) and version < _FREETDS_CHECKS_CERTIFICATES and not trusted:
        found = f"{name} {version} encrypts, and does not check the server's certificate"
        return warn("ODBC driver", found, "use Microsoft's driver or FreeTDS 1.5, or say TrustServerCertificate=yes")
    return ok("ODBC driver", f"{name} {version}")
