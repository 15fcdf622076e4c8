from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.run.errors import CannotRun
from tests.run.var_directory import VarDirectory


@pytest.fixture
def var(tmp_path: Path) -> VarDirectory:
    return VarDirectory(tmp_path / "a run's var")


def test_second_run_in_the_same_directory_is_refused(var: VarDirectory) -> None:
    with var.locked(), pytest.raises(CannotRun, match="another `make run` uses"), VarDirectory(var.path).locked():
        pass
    with VarDirectory(var.path).locked():
        pass


def test_each_run_begins_anew(var: VarDirectory) -> None:
    with var.locked():
        var.clean(database=True)
        for file in (var.redis / "appendonly.aof", var.database, var.path / "billing.db-wal", var.log("web")):
            file.touch()
        var.clean(database=True)
    assert sorted(path.name for path in var.path.rglob("*") if path.is_file()) == ["lock"]


def test_database_that_is_not_ours_is_left_alone(var: VarDirectory) -> None:
    with var.locked():
        var.database.touch()
        var.clean(database=False)
    assert var.database.exists()


def test_database_url_leads_to_the_file(var: VarDirectory) -> None:
    assert make_url(var.database_url).database == str(var.database)


def test_last_lines_name_the_log(var: VarDirectory) -> None:
    with var.locked():
        var.clean(database=True)
    assert var.last_lines("web") == f"the end of {var.log('web')}:\n  (nothing)"
    var.log("web").write_text("".join(f"line {number}\n" for number in range(100)))
    assert var.last_lines("web").endswith("  line 98\n  line 99")
