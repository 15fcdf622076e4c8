import sys
from types import ModuleType
from typing import Any

import pytest


class FakePyodbc(ModuleType):
    """A module in pyodbc's place, which cannot be imported without unixODBC on the machine."""

    version, paramstyle, pooling, Cursor = "5.5.0", "qmark", True, object

    def __init__(self) -> None:
        super().__init__("pyodbc")
        self.registered = ["FreeTDS", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"]

    def drivers(self) -> list[str]:
        return self.registered


@pytest.fixture
def pyodbc(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = FakePyodbc()
    monkeypatch.setitem(sys.modules, "pyodbc", module)
    return module
