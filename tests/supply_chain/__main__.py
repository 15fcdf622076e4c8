"""`make audit`: 0 if all is clean, 1 if something was found, 3 if it is not known whether there are known holes."""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator

from tests.supply_chain.advisories import CLEAN, FOUND, NOT_KNOWN, SOURCE, UV, Verdict, advisories
from tests.supply_chain.lock import ROOT, binding_licences, packages, unpinned

UNKNOWN = 3


def main() -> None:
    """Print a verdict a line."""
    parser = argparse.ArgumentParser(prog="make audit")
    parser.add_argument("--source", default=SOURCE, help="an OSV service")
    parser.add_argument("--offline", action="store_true", help="0 too where the advisories are not known; it is said")
    asked = parser.parse_args()
    verdicts = list(_verdicts(asked.source))
    for check, verdict in verdicts:
        print(f"{check:14} {verdict.verdict}")
        for detail in verdict.details:
            print(f"{'':14} {detail}")
    if any(verdict.verdict == FOUND for _, verdict in verdicts):
        sys.exit(1)
    if not asked.offline and any(verdict.verdict == NOT_KNOWN for _, verdict in verdicts):
        sys.exit(UNKNOWN)


def _verdicts(source: str) -> Iterator[tuple[str, Verdict]]:
    locked = packages()
    yield "lock", _lock()
    yield "hashes", _found(unpinned(locked))
    yield "licences", _found(binding_licences(_shipped()))
    yield "advisories", advisories(source)


def _found(what: Iterable[str]) -> Verdict:
    details = tuple(what)
    return Verdict(FOUND if details else CLEAN, details)


def _lock() -> Verdict:
    fresh = subprocess.run([str(UV), "lock", "--check", "--quiet"], cwd=ROOT, capture_output=True, check=False)
    return _found([] if fresh.returncode == 0 else ["uv.lock does not fit pyproject.toml: uv lock"])


def _shipped() -> list[str]:
    """Return the names of what production installs, without extras."""
    command = [
        str(UV),
        "export",
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-hashes",
        "--no-annotate",
        "--no-header",
    ]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [line.partition("==")[0] for line in told.splitlines() if "==" in line]


if __name__ == "__main__":
    main()
