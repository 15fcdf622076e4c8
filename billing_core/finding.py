"""What a look at one thing found, and what to do about it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # it works; somebody should look in the daytime
    FAIL = "fail"  # it does not do its work, or may lose some


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report.

    Attributes:
        check: what was looked at.
        level: how bad it is.
        found: what was found, with IDs; neither secrets nor personal data.
        do: what to do; nothing where all is well.
    """

    check: str
    level: Level
    found: str
    do: str = ""


FIELDS = tuple(Finding.__slots__)


def rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return the findings for a table or JSON."""
    return [asdict(finding) for finding in findings]


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any of them must not stay so."""
    return any(finding.level is Level.FAIL for finding in findings)


def ok(check: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Level.OK, found)


def warn(check: str, found: str, do: str) -> Finding:
    """Return what somebody should look at."""
    return Finding(check, Level.WARN, found, do)


def fail(check: str, found: str, do: str) -> Finding:
    """Return what somebody must mend."""
    return Finding(check, Level.FAIL, found, do)
