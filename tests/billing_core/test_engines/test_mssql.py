from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from billing_core.database import create_engine_for
from billing_core.dialects.engines.mssql import _prepare, _roll_back

HOST = "mssql+pyodbc://u:p%40ss@127.0.0.1:1500/db"
FREETDS = f"{HOST}?driver=FreeTDS"


def connected_with(url: str) -> Mapping[str, str]:
    """Return what the driver manager would be given for a URL."""
    return dict(part.split("=", 1) for part in connection_string(url).split(";"))


def connection_string(url: str) -> str:
    engine = create_engine_for(url, pool_size=3)
    (text,), _ = engine.dialect.create_connect_args(engine.url)
    return str(text)


def test_url_alone_means_microsofts_driver_and_encryption(pyodbc: Any) -> None:
    assert connected_with(HOST) == {
        "DRIVER": "{ODBC Driver 18 for SQL Server}",
        "Server": "127.0.0.1,1500",
        "Database": "db",
        "UID": "u",
        "PWD": "p@ss",
        "APP": "billing",
        "Encrypt": "yes",
        "LongAsMax": "Yes",
        "ConnectRetryCount": "0",
    }


def test_freetds_means_the_same_in_its_own_words(pyodbc: Any) -> None:
    assert connected_with(FREETDS) == {
        "DRIVER": "{FreeTDS}",
        "Server": "127.0.0.1",
        "port": "1500",
        "Database": "db",
        "UID": "u",
        "PWD": "p@ss",
        "APP": "billing",
        "TDS_Version": "7.4",
        "ClientCharset": "UTF-8",
        "Encryption": "require",
        "ServerCertificate": "system",
        "Timeout": "10",
    }


def test_freetds_gets_the_usual_port(pyodbc: Any) -> None:
    assert connected_with("mssql+pyodbc://u:p@127.0.0.1/db?driver=FreeTDS")["port"] == "1433"


def test_driver_that_is_there_alone_is_found(pyodbc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_core.dialects.engines.odbc_drivers.packaged_driver", lambda: None)
    pyodbc.registered = ["FreeTDS"]
    assert connected_with(HOST)["Encryption"] == "require"


def test_certificate_goes_unchecked_only_where_the_url_says_so(pyodbc: Any) -> None:
    assert "TrustServerCertificate" not in connected_with(HOST)
    assert connected_with(f"{HOST}?TrustServerCertificate=yes")["TrustServerCertificate"] == "yes"
    assert "ServerCertificate" not in connected_with(f"{FREETDS}&TrustServerCertificate=Yes")


def test_encryption_is_off_only_where_the_url_says_so(pyodbc: Any) -> None:
    assert connected_with(f"{HOST}?Encrypt=no")["Encrypt"] == "no"
    without = connected_with(f"{FREETDS}&Encrypt=no")
    assert without["Encryption"] == "off"
    assert "ServerCertificate" not in without


def test_what_the_url_says_stays_whatever_its_capitals(pyodbc: Any) -> None:
    given = connected_with(f"{HOST}?app=console&longasmax=No&ConnectRetryCount=2")
    assert (given["app"], given["longasmax"], given["ConnectRetryCount"]) == ("console", "No", "2")
    assert not {"APP", "LongAsMax"} & given.keys()


def test_freetds_is_told_no_sizes_and_microsofts_driver_is(pyodbc: Any) -> None:
    """FreeTDS refuses a text of more than 4,000 characters of which it was told the type."""
    sizes = sa.engine.interfaces.BindTyping.SETINPUTSIZES
    assert create_engine_for(HOST, pool_size=1).dialect.bind_typing is sizes
    assert create_engine_for(FREETDS, pool_size=1).dialect.bind_typing is not sizes
    whole = "mssql+pyodbc:///?odbc_connect=DRIVER%3DFreeTDS%3BServer%3D127.0.0.1"
    assert create_engine_for(whole, pool_size=1).dialect.bind_typing is not sizes


def test_dsn_and_whole_connection_string_are_taken_as_they_are(pyodbc: Any) -> None:
    whole = "mssql+pyodbc:///?odbc_connect=DSN%3Dbilling%3BEncrypt%3Dstrict"
    assert connection_string(whole) == "DSN=billing;Encrypt=strict"
    assert connection_string("mssql+pyodbc://u:p@billing") == "dsn=billing;UID=u;PWD=p"


def test_url_without_a_driver_of_python_means_pyodbc(pyodbc: Any) -> None:
    assert connected_with(HOST.replace("+pyodbc", ""))["Server"] == "127.0.0.1,1500"


class PyodbcConnection:
    """As much of pyodbc's connection as an engine touches when it opens one."""

    def __init__(self) -> None:
        self.timeout = 0
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)

    def commit(self) -> None:
        self.statements.append("COMMIT")


def test_session_waits_for_nothing_too_long(pyodbc: Any) -> None:
    engine = create_engine_for(HOST, pool_size=3)
    assert not pyodbc.pooling  # SQLAlchemy's is enough
    connection: Any = PyodbcConnection()
    assert sa.event.contains(engine, "connect", _prepare)
    _prepare(connection, None)
    assert connection.timeout == 10
    assert connection.statements == ["SET LOCK_TIMEOUT 5000", "COMMIT"]


def test_isolation_is_known_without_asking_the_server(pyodbc: Any) -> None:
    """The view that tells it has no row for a session behind a proxy on some servers."""
    connection: Any = None
    assert create_engine_for(HOST, pool_size=1).dialect.get_default_isolation_level(connection) == "READ COMMITTED"


@pytest.mark.parametrize(("number", "expected"), [(3903, None), (596, "596")])
def test_transaction_that_the_server_rolled_back_needs_no_second_rollback(number: int, expected: str | None) -> None:
    error = type("Error", (Exception,), {"__module__": "pyodbc"})
    connection: Any = SimpleNamespace(
        rollback=Mock(side_effect=error("25000", f"[25000] Whatever ({number}) (SQLEndTran)"))
    )
    if expected is None:
        _roll_back(connection)
    else:
        with pytest.raises(error, match=expected):
            _roll_back(connection)
