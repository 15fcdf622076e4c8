"""uv.lock, and what is installed of it."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "uv.lock"

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
# Licences that would bind what is built on us; "or later", "only" and versions follow. LGPL and MPL do not.
_BINDING = re.compile(r"\bA?GPL|Affero|(?<!Lesser )General Public License|\bSSPL|Business Source|\bBUSL", re.IGNORECASE)
_OWN = "stripe-billing"


def packages(lock: Path = LOCK) -> list[dict[str, Any]]:
    """Return what is locked, without ourselves."""
    locked: list[dict[str, Any]] = tomllib.loads(lock.read_text())["package"]
    return [package for package in locked if package["name"] != _OWN]


def unpinned(locked: list[dict[str, Any]]) -> list[str]:
    """Return the packages of which a file could be exchanged: without hash, or not from the registry."""
    return [package["name"] for package in locked if not _is_pinned(package)]


def _is_pinned(package: dict[str, Any]) -> bool:
    files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
    hashed = files and all(_SHA256.fullmatch(file.get("hash", "")) for file in files)
    return bool(hashed and "registry" in package["source"])


def binding_licences(names: list[str]) -> Iterator[str]:
    """Yield what is installed under a licence that binds what is built on it, or under none that it tells."""
    for name in names:
        licence = licence_of(name)
        if licence is not None and (not licence or _BINDING.search(licence)):
            yield f"{name}: {licence or 'tells no licence'}"


def licence_of(name: str) -> str | None:
    """Return what a package says of its licence; None if it is not installed here."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return None
    classifiers = [line for line in said.get_all("Classifier", []) if line.startswith("License ::")]
    named = [*said.get_all("License-Expression", []), *said.get_all("License", [])]
    return "; ".join([*(text.split("\n")[0] for text in named), *classifiers])
