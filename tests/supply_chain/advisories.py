"""Known holes, by `uv audit`. A source that cannot be reached, or knows nothing, is not the same as none."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.supply_chain.lock import ROOT

UV = Path(sys.executable).parent / "uv"
SOURCE = "https://api.osv.dev/"

CLEAN, FOUND, NOT_KNOWN = "clean", "found", "not known"
_NO_VULNERABILITY, _VULNERABLE = 0, 1  # uv's exit codes

# A release with holes that every source knows (CVE-2019-10906 and later): one that does not name them knows nothing.
_CANARY = ("jinja2", "2.10")


@dataclass(frozen=True)
class Verdict:
    verdict: str
    details: tuple[str, ...] = ()


def advisories(source: str = SOURCE) -> Verdict:
    """Ask the source about everything that is locked."""
    ours = _asked(ROOT, source)
    if ours.verdict != CLEAN:
        return ours
    with tempfile.TemporaryDirectory() as folder:
        canary = _asked(_project_of(*_CANARY, Path(folder)), source)
    if canary.verdict == FOUND:
        return ours
    return Verdict(NOT_KNOWN, (f"{source} knows no hole in {' '.join(_CANARY)}: its silence proves nothing",))


def _asked(project: Path, source: str) -> Verdict:
    done = subprocess.run(
        [UV, "audit", "--frozen", "--output-format", "json", "--service-url", source, "--project", project],
        env=os.environ | {"UV_HTTP_RETRIES": "0"},
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode not in {_NO_VULNERABILITY, _VULNERABLE}:
        causes = [line.strip().removeprefix("cause: ") for line in done.stderr.splitlines() if "cause:" in line]
        return Verdict(NOT_KNOWN, (f"{source} gave no answer: {causes[-1] if causes else 'see uv audit'}",))
    told = json.loads(done.stdout)
    found = tuple(
        f"{one['dependency']['name']} {one['dependency']['version']}: {one['id']} {one['summary'] or ''}".strip()
        for one in told["vulnerabilities"]
    )
    adverse = tuple(f"{one['name']}: {one['status']}" for one in told["adverse_statuses"])
    return Verdict(FOUND if found or adverse else CLEAN, (*found, *adverse))


def _project_of(name: str, version: str, folder: Path) -> Path:
    """Make a project that has nothing but this release locked; nothing is installed."""
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "canary"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["{name}"]\n'
    )
    (folder / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n'
        '[[package]]\nname = "canary"\nversion = "0"\nsource = { virtual = "." }\n'
        f'dependencies = [{{ name = "{name}" }}]\n\n'
        f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://pypi.org/simple" }}\n'
    )
    return folder
