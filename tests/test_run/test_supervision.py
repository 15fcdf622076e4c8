import os
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from tests.run.errors import CannotRun
from tests.run.supervised import configuration
from tests.run.supervision import Ended, Supervisord
from tests.run.var_directory import VarDirectory


@pytest.fixture
def var(tmp_path: Path) -> VarDirectory:
    var = VarDirectory(tmp_path / "a run of mine")
    with var.locked():
        var.clean(database=True)
    return var


@pytest.fixture
def supervisord(var: VarDirectory, monkeypatch: pytest.MonkeyPatch) -> Supervisord:
    monkeypatch.setattr(Supervisord, "running", True)
    return Supervisord(var)


def log(var: VarDirectory, text: str) -> None:
    with var.log("supervisord").open("a") as file:
        file.write(text)


def test_supervisord_understands_the_configuration(var: VarDirectory) -> None:
    file = var.supervisord / "supervisord.conf"
    file.write_text(configuration({"release": "alembic", "web": "date '+%s; done'", "worker": "celery"}, var))
    options = ServerOptions()
    options.realize(["--configuration", str(file)])
    (group,) = options.process_group_configs
    assert [process.name for process in group.process_configs] == ["web", "worker"]
    web = group.process_configs[0]
    assert web.command.endswith("""/bin/sh -c 'exec date '"'"'+%s; done'"'"''""")
    assert web.stdout_logfile == str(var.log("web"))
    assert str(os.getpid()) in web.command.split()


def test_process_that_ended_is_told_once(supervisord: Supervisord, var: VarDirectory) -> None:
    assert list(supervisord.news()) == []
    log(var, "2026-11-23 03:00:24,241 INFO supervisord started with pid 1\n")
    log(var, "2026-11-23 03:00:35,371 WARN exited: worker (terminated by SIGKILL; not expected)\n2026-11-23 03:00:36")
    assert list(supervisord.news()) == [Ended("worker", "terminated by SIGKILL; not expected")]
    assert list(supervisord.news()) == []
    log(var, ",000 WARN exited: web (exit status 1; not expected)\n")
    assert list(supervisord.news()) == [Ended("web", "exit status 1; not expected")]


def test_process_that_does_not_stay_up_ends_the_run_with_its_last_words(
    supervisord: Supervisord, var: VarDirectory
) -> None:
    var.log("web").write_text("PORT: Input should be a valid integer\n")
    log(var, "2026-11-23 03:00:35,371 WARN gave up: web entered FATAL state, too many start retries too quickly\n")
    with pytest.raises(CannotRun, match=r"(?s)web does not stay up; .*PORT: Input should be a valid integer"):
        list(supervisord.news())


def test_end_of_supervisord_itself_ends_the_run(var: VarDirectory) -> None:
    with pytest.raises(CannotRun, match="supervisord ended"):
        list(Supervisord(var).news())
