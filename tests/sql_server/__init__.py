"""The T-SQL server that TEST_MSSQL_URL names, for the tests that run on every database."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from billing_core.database import create_engine_for
from billing_core.dialects.engines.odbc_drivers import OdbcMissing

VARIABLE = "TEST_MSSQL_URL"
KIND = ["mssql"] if os.environ.get(VARIABLE) else []
"""What a fixture adds to the kinds of database that it offers."""


class SqlServerUnusable(Exception):
    """Tests cannot run there; the text says what it takes."""


def given_url() -> sa.URL:
    """Return what the environment names.

    Raises:
        SqlServerUnusable: it has no form in which another database, or a proxy's port, can be put.
    """
    url = sa.make_url(os.environ[VARIABLE])
    if odbc := url.query.get("odbc_connect"):
        url = _spelled_out(str(odbc))
    if url.get_backend_name() != "mssql" or not url.host or not url.database:
        form = "mssql+pyodbc://user:password@host:port/database?TrustServerCertificate=yes"
        raise SqlServerUnusable(f"{VARIABLE} must have the form {form}, or odbc_connect with a server; no DSN")
    return url


# A value in braces may have semicolons.
_ODBC = re.compile(r"\s*([^=;]+?)\s*=\s*(?:\{((?:[^}]|\}\})*)\}|([^;]*))")
_WORDS = {"server": "server", "database": "database", "uid": "username", "pwd": "password"}


def _spelled_out(odbc: str) -> sa.URL:
    """Return a connection string of ODBC as an URL."""
    rest = {name.lower(): braced.replace("}}", "}") or plain for name, braced, plain in _ODBC.findall(odbc)}
    rest.setdefault("database", "master")
    known = {part: rest.pop(name) for name, part in _WORDS.items() if name in rest}
    host, _, port = known.pop("server", "").removeprefix("tcp:").partition(",")
    return sa.URL.create("mssql+pyodbc", host=host, port=int(port) if port else None, query=rest, **known)


def address_of(url: sa.URL) -> tuple[str, int]:
    """Return host and port of a server; FreeTDS takes the port among its options."""
    return url.host or "", int(str(url.query.get("port", url.port or 1433)))


def moved(url: sa.URL, host: str, port: int) -> sa.URL:
    """Put another host and port in."""
    if "port" in url.query:
        return url.set(host=host).update_query_dict({"port": str(port)})
    return url.set(host=host, port=port)


def with_password(url: sa.URL) -> str:
    """Return the URL as an engine needs it."""
    return url.render_as_string(hide_password=False)


@contextmanager
def connected(url: sa.URL) -> Iterator[sa.Connection]:
    """Connect for statements that no transaction may hold, such as CREATE DATABASE."""
    engine = create_engine_for(with_password(url), pool_size=1)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        engine.dispose()


def described() -> str:
    """Say in one line which server is tested.

    Raises:
        SqlServerUnusable: it does not answer, or there is no driver to ask it.
    """
    if not KIND:
        return f"SQL Server: not tested, {VARIABLE} is not set"
    url = given_url()
    try:
        with connected(url) as connection:
            version = str(connection.scalar(sa.text("SELECT @@VERSION"))).splitlines()[0]
            driver = connection.engine.url.query["driver"]
    except DBAPIError as error:
        raise SqlServerUnusable(f"{VARIABLE}: {':'.join(map(str, address_of(url)))}: {error.orig}") from error
    except OdbcMissing as error:
        raise SqlServerUnusable(f"{VARIABLE}: {error}") from error
    return f"SQL Server: {version}, through {driver}"
