"""The units run what the Procfile names, and no more of the machine is open to them than they need."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.run.procfile import ROOT, read_procfile

UNITS = ROOT / "config" / "systemd"
HOME = "/opt/billing"
COMMON = UNITS / "billing-.service.d" / "10-common.conf"
# systemd's own scale from 0, nothing is open, to 10. A unit that says nothing has 9.6.
EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze: not here (Debian: apt-get install systemd)"
)


def said(unit: Path, word: str) -> list[str]:
    return re.findall(rf"^{word}=(.*)$", unit.read_text(), re.MULTILINE)


def test_each_process_of_the_procfile_has_a_unit_that_runs_it() -> None:
    units = {path.stem.removeprefix("billing-"): path for path in UNITS.glob("*.service")}
    commands = {name: said(unit, "ExecStart") for name, unit in units.items()}
    assert commands == {name: [f"{HOME}/.venv/bin/{command}"] for name, command in read_procfile().items()}


def test_target_starts_all_but_the_release_which_each_of_them_waits_for() -> None:
    lasting = [name for name in read_procfile() if name != "release"]
    (wanted,) = said(UNITS / "billing.target", "Wants")
    assert wanted.split() == [f"billing-{name}.service" for name in lasting]
    for name in lasting:
        unit = UNITS / f"billing-{name}.service"
        assert said(unit, "Restart") == ["always"]
        assert said(unit, "Requires") == said(unit, "After") == ["billing-release.service"]


def test_secrets_are_credentials_and_stand_in_no_unit() -> None:
    required = {"DATABASE_URL", "REDIS_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}
    assert {line.split(":")[0] for line in said(COMMON, "LoadCredential")} == required
    assert "BILLING_SECRETS_DIR=%d" in said(COMMON, "Environment")
    assert said(COMMON, "TimeoutStopSec") == ["45"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they are installed, but for the place of the programs, which is ours."""
    folder: Path = shutil.copytree(UNITS, tmp_path_factory.mktemp("systemd") / "system")
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace(HOME, str(ROOT)))
    return folder


def analyze(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{installed}:", "SYSTEMD_LOG_LEVEL": "warning"},
        capture_output=True,
        check=False,
        text=True,
    )


@needs_systemd
def test_systemd_finds_nothing_wrong_with_them(installed: Path) -> None:
    units = sorted(str(path) for path in installed.glob("billing*.*") if path.is_file())
    done = analyze(installed, "verify", "--man=no", "--recursive-errors=no", *units)
    ours = [line for line in done.stderr.splitlines() if "billing" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", read_procfile())
def test_little_of_the_machine_is_open_to_them(installed: Path, name: str) -> None:
    done = analyze(
        installed,
        "security",
        "--offline=true",
        f"--threshold={EXPOSURE * 10:.0f}",
        str(installed / f"billing-{name}.service"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
