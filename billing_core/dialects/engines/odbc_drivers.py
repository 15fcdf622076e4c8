"""Which ODBC driver speaks to SQL Server: the first that there is. None has to be registered by hand."""

import ctypes
import platform
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config.settings import SettingsError

DRIVER_18 = "ODBC Driver 18 for SQL Server"
_DRIVER_17 = "ODBC Driver 17 for SQL Server"
_FREETDS = "FreeTDS"

# The distributions for which PyPI's mssql-python-odbc has a library of its own; all others take Debian's.
_FOLDERS = {"rhel": "rhel", "fedora": "rhel", "suse": "suse", "alpine": "alpine"}


class OdbcMissing(SettingsError):
    """What it takes to speak to SQL Server is not installed; the text says what to install."""


def find_driver(asked: str | None = None) -> str:
    """Return the driver's registered name, or the path of its library.

    Args:
        asked: a name that the URL gives. It wins; only Microsoft's Driver 18 is also found where it is not registered.

    Raises:
        OdbcMissing: there is no driver, or what it needs is missing.
    """
    registered = _pyodbc().drivers()
    if asked and (asked != DRIVER_18 or asked in registered):
        return asked
    if DRIVER_18 in registered:
        return DRIVER_18
    if library := packaged_driver():
        return _loadable(library)
    for name in (_DRIVER_17, _FREETDS) if asked is None else ():
        if name in registered:
            return name
    raise OdbcMissing(
        f"no ODBC driver for SQL Server: install Microsoft's {DRIVER_18} or FreeTDS (tdsodbc),"
        " or from PyPI stripe-billing[sqlserver]; see docs/sqlserver.md"
    )


def packaged_driver() -> Path | None:
    """Return the library of Microsoft's driver in the package mssql-python-odbc, if that is installed."""
    package = find_spec("mssql_python_odbc")
    if package is None or package.origin is None:
        return None
    libraries = Path(package.origin).parent / "libs"
    folder = f"linux/{_distribution()}" if platform.system() == "Linux" else "*"
    return next(iter(sorted(libraries.glob(f"{folder}/*/lib/libmsodbcsql*"))), None)


def is_freetds(driver: str) -> bool:
    """Whether a driver, by its name, its library's path or a connection string, is FreeTDS."""
    return "tds" in driver.lower()


def _pyodbc() -> Any:
    try:
        return import_module("pyodbc")  # here, because its library is needed on SQL Server only
    except ImportError as error:
        raise OdbcMissing(
            f"pyodbc cannot be loaded ({error}): install unixODBC, on Debian and Ubuntu apt-get install unixodbc"
        ) from error


def _loadable(library: Path) -> str:
    """Load it: the driver manager would say of any library missing on the way that the driver itself is not there."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise OdbcMissing(
            f"the driver of mssql-python-odbc cannot be loaded ({error}):"
            " on Debian and Ubuntu apt-get install libltdl7 libgssapi-krb5-2"
        ) from error
    return str(library)


def _distribution() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "debian_ubuntu"
    families = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((_FOLDERS[family] for family in families if family in _FOLDERS), "debian_ubuntu")
