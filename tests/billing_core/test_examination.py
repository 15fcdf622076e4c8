from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.database import Database
from billing_core.dialects import examine_server
from billing_core.finding import Finding, Level

MICROSOFTS = ("libmsodbcsql-18.6.so.2.1", "18.06.0002")
OLD_FREETDS = ("libtdsodbc.so", "01.03.0017")
NEW_FREETDS = ("libtdsodbc.so", "01.05.0009")


def examined(driver: tuple[str, str] = MICROSOFTS, url: str = "mssql+pyodbc://h/db", *, versioned: bool = True) -> Any:
    """Examine as much of a connection as is looked at: which driver there is, a test cannot choose."""
    facts = dict(zip((6, 7), driver, strict=True))
    connection: Any = SimpleNamespace(
        dialect=SimpleNamespace(name="mssql"),
        engine=SimpleNamespace(url=sa.make_url(url)),
        connection=SimpleNamespace(driver_connection=SimpleNamespace(getinfo=facts.get)),
        scalar=lambda _statement: versioned,
    )
    found = {finding.check: finding for finding in examine_server(connection)}
    assert list(found) == ["ODBC driver", "snapshots"]
    return found


@pytest.mark.parametrize("driver", [MICROSOFTS, NEW_FREETDS])
def test_driver_that_checks_certificates_is_sound(driver: tuple[str, str]) -> None:
    assert examined(driver)["ODBC driver"] == Finding("ODBC driver", Level.OK, " ".join(driver))


def test_driver_that_cannot_check_certificates_is_worth_a_warning() -> None:
    finding = examined(OLD_FREETDS)["ODBC driver"]
    assert finding.level is Level.WARN
    assert finding.found == "libtdsodbc.so 01.03.0017 encrypts, and does not check the server's certificate"


def test_certificate_that_is_trusted_anyway_is_not() -> None:
    trusting = examined(OLD_FREETDS, "mssql+pyodbc://h/db?TrustServerCertificate=Yes")
    assert trusting["ODBC driver"].level is Level.OK


def test_readers_that_wait_for_writers_are_worth_a_warning() -> None:
    assert examined(versioned=True)["snapshots"].level is Level.OK
    finding = examined(versioned=False)["snapshots"]
    assert finding.level is Level.WARN
    assert "READ_COMMITTED_SNAPSHOT is off" in finding.found


def test_other_servers_have_nothing_to_say(sqlite: Database) -> None:
    with sqlite.read() as session:
        assert examine_server(session.connection()) == []
