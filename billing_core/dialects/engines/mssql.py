"""SQL Server by pyodbc: through Microsoft's driver or FreeTDS, encrypted, and waiting for nothing too long."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, IsolationLevel

from billing_core.dialects.engines.nulls import write_nulls_out
from billing_core.dialects.engines.odbc_drivers import find_driver, is_freetds
from billing_core.dialects.engines.pool import CONNECT_SECONDS, LOCK_SECONDS, pool_options
from billing_core.dialects.error_codes import is_rolled_back
from billing_core.dialects.lost_connections import give_up_lost_connections

# Of a server that has fallen silent Microsoft's driver waits three times as long, FreeTDS twice (measured): the worker
# must have given up before the broker hands its message to another one (visibility timeout, 45 s).
STATEMENT_SECONDS = 10

_NO, _YES = {"no", "false", "optional"}, {"yes", "true"}


def make_engine(url: URL, pool_size: int) -> Engine:
    """Make the engine. A DSN, or `odbc_connect`, is taken as it is.

    Raises:
        OdbcMissing: no driver is installed.
    """
    if url.database and "odbc_connect" not in url.query:
        url = _completed(url)
    driver = url.query.get("driver") or url.query.get("odbc_connect", "")
    engine = create_engine(
        url,
        connect_args={"timeout": CONNECT_SECONDS},
        # fast_executemany stays off: it reserves room for the longest NVARCHAR(MAX) in every row. FreeTDS takes no
        # type for a text of more than 4,000 characters.
        use_setinputsizes=not is_freetds(str(driver)),
        **pool_options(pool_size),
    )
    engine.dialect.dbapi.pooling = False  # type: ignore[union-attr]  # one pool is enough: SQLAlchemy's
    # SQLAlchemy would look it up in sys.dm_exec_sessions, where not every T-SQL server has a row for who asks.
    engine.dialect.get_default_isolation_level = _isolation  # type: ignore[assignment]
    event.listen(engine, "connect", _prepare)
    engine.dialect.do_rollback = _roll_back  # type: ignore[assignment]
    write_nulls_out(engine)
    give_up_lost_connections(engine)
    return engine


def _completed(url: URL) -> URL:
    """Add the driver, and what its connections need; what the URL says already stays."""
    driver = find_driver(_asked(url).get("driver"))
    ours = _for_freetds(url) if is_freetds(driver) else _for_microsoft()
    missing = {name: value for name, value in ours.items() if name.lower() not in _asked(url)}
    return url.update_query_dict({**missing, "driver": driver})


def _asked(url: URL) -> dict[str, str]:
    """Return the URL's options; ODBC does not tell capitals."""
    return {name.lower(): str(value) for name, value in url.query.items()}


def _for_microsoft() -> dict[str, str]:
    return {
        "APP": "billing",
        "Encrypt": "yes",  # Driver 17's own default is no
        # EventData exceeds 4,000 characters: the driver is to send it as NVARCHAR(MAX), not as NTEXT.
        "LongAsMax": "Yes",
        # The driver would mend a lost connection behind our back, and take 10 s for it.
        "ConnectRetryCount": "0",
    }


def _for_freetds(url: URL) -> dict[str, str]:
    """Return FreeTDS's words for the same; Encrypt and TrustServerCertificate mean what they do for Microsoft's."""
    asked = _asked(url)
    encrypted = asked.get("encrypt", "yes").lower() not in _NO
    checked = encrypted and asked.get("trustservercertificate", "no").lower() not in _YES
    return {
        "APP": "billing",
        "TDS_Version": "7.4",
        "ClientCharset": "UTF-8",
        "port": str(url.port or 1433),  # "Server=host,port" leaves a NUL in the login packet
        "Encryption": "require" if encrypted else "off",
        "Timeout": str(STATEMENT_SECONDS),  # of COMMIT and ROLLBACK, for which it would wait for ever
        # Known from FreeTDS 1.5 on. Older ones encrypt, and do not ask who is at the other end.
        **({"ServerCertificate": "system"} if checked else {}),
    }


def _isolation(_connection: DBAPIConnection) -> IsolationLevel:
    """Return how every session of SQL Server begins, and ours stay."""
    return "READ COMMITTED"


def _roll_back(connection: DBAPIConnection) -> None:
    """Let the server have done it already, which some drivers tell as an error in place of the one that led to it."""
    try:
        connection.rollback()
    except Exception as error:
        if not is_rolled_back(error):
            raise


def _prepare(connection: DBAPIConnection, _record: Any) -> None:
    connection.timeout = STATEMENT_SECONDS
    connection.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")
    connection.commit()
