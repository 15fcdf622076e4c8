import platform
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import _core

from billing_core.dialects.engines import odbc_drivers
from billing_core.dialects.engines.odbc_drivers import OdbcMissing, find_driver, is_freetds, packaged_driver
from config.settings import SettingsError

DRIVER_18, DRIVER_17, FREETDS = "ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS"


def package_is(monkeypatch: pytest.MonkeyPatch, library: Path | None) -> None:
    monkeypatch.setattr(odbc_drivers, "packaged_driver", lambda: library)


@pytest.fixture
def loadable(monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a library that can be loaded, as that of the package's driver."""
    package_is(monkeypatch, Path(_core.__file__))
    return str(_core.__file__)


@pytest.mark.parametrize(
    ("registered", "found"),
    [([FREETDS, DRIVER_17, DRIVER_18], DRIVER_18), ([FREETDS, DRIVER_17], DRIVER_17), ([FREETDS, "SQLite3"], FREETDS)],
)
def test_microsofts_newest_driver_comes_first(
    pyodbc: Any, monkeypatch: pytest.MonkeyPatch, registered: list[str], found: str
) -> None:
    package_is(monkeypatch, None)
    pyodbc.registered = registered
    assert find_driver() == found


def test_packages_driver_comes_before_older_ones_without_being_registered(pyodbc: Any, loadable: str) -> None:
    assert find_driver() == DRIVER_18
    pyodbc.registered = [FREETDS, DRIVER_17]
    assert find_driver() == loadable


def test_driver_18_that_the_url_names_may_be_the_packages(pyodbc: Any, loadable: str) -> None:
    assert find_driver(DRIVER_18) == DRIVER_18
    pyodbc.registered = [FREETDS]
    assert find_driver(DRIVER_18) == loadable


def test_driver_that_the_url_names_wins(pyodbc: Any, loadable: str) -> None:
    assert find_driver(FREETDS) == FREETDS
    assert find_driver("/opt/drivers/libtdsodbc.so") == "/opt/drivers/libtdsodbc.so"


@pytest.mark.parametrize("asked", [None, DRIVER_18])
def test_machine_without_a_driver_is_told_what_to_install(
    pyodbc: Any, monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    package_is(monkeypatch, None)
    pyodbc.registered = ["SQLite3"]
    with pytest.raises(OdbcMissing, match=r"ODBC Driver 18.* FreeTDS .*stripe-billing\[sqlserver\]"):
        find_driver(asked)


def test_driver_18_that_the_url_names_is_not_replaced_by_another(pyodbc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package_is(monkeypatch, None)
    pyodbc.registered = [FREETDS, DRIVER_17]
    with pytest.raises(OdbcMissing):
        find_driver(DRIVER_18)


def test_machine_without_unixodbc_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)  # importing it fails, as it does without libodbc.so.2
    with pytest.raises(OdbcMissing, match="apt-get install unixodbc"):
        find_driver(FREETDS)


def test_what_the_packages_driver_lacks_is_named(pyodbc: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = tmp_path / "libmsodbcsql-18.so"
    library.write_bytes(b"no library")
    package_is(monkeypatch, library)
    pyodbc.registered = [FREETDS]
    with pytest.raises(OdbcMissing, match=r"libmsodbcsql-18\.so: file too short.*apt-get install libltdl7"):
        find_driver()


def test_missing_driver_refuses_the_start_like_a_setting() -> None:
    assert issubclass(OdbcMissing, SettingsError)


@pytest.mark.skipif(platform.system() != "Linux", reason="the wheel of Linux has a library for each distribution")
@pytest.mark.parametrize(
    ("release", "folder"),
    [
        ({"ID": "debian"}, "debian_ubuntu"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian_ubuntu"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
        ({"ID": "fedora"}, "rhel"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "suse"),
        ({"ID": "unheard-of"}, "debian_ubuntu"),
    ],
    ids=lambda value: value.get("ID") if isinstance(value, dict) else value,
)
def test_packages_library_fits_the_distribution(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], folder: str
) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    library = packaged_driver()
    assert library
    assert library.is_file()
    assert library.name.startswith("libmsodbcsql")
    assert library.parent.parent.parent.name == folder


def test_distribution_that_does_not_say_what_it_is_gets_debians(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> dict[str, str]:
        raise FileNotFoundError

    monkeypatch.setattr(platform, "freedesktop_os_release", unknown)
    library = packaged_driver()
    assert library
    assert library.is_file()


def test_machine_without_the_package_has_no_driver_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odbc_drivers, "find_spec", lambda _name: None)
    assert packaged_driver() is None


@pytest.mark.parametrize("driver", ["FreeTDS", "/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so"])
def test_freetds_is_known_by_name_and_by_path(driver: str) -> None:
    assert is_freetds(driver)
    assert not is_freetds(DRIVER_18)
    assert not is_freetds("/opt/microsoft/msodbcsql18/lib64/libmsodbcsql-18.6.so.2.1")
