"""The last check of our endpoint at Stripe, kept for those who do not want to ask Stripe themselves."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.finding import Finding, Level

_CHECKPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What was found, and when, by our clock."""

    at: datetime
    findings: Sequence[Finding]

    @property
    def problems(self) -> list[Finding]:
        """What was not as it should be."""
        return [finding for finding in self.findings if finding.level is not Level.OK]

    def dated(self) -> list[Finding]:
        """Return the findings with the moment in their words: what was mended since is still among them."""
        return [replace(one, found=f"{one.found} (checked {self.at:%Y-%m-%d %H:%M})") for one in self.findings]


def put_down(database: Database, findings: Sequence[Finding]) -> None:
    """Keep what was found now.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    found = [asdict(finding) for finding in findings]
    checkpoints.write(database, _CHECKPOINT, {"at": int(datetime.now(UTC).timestamp()), "findings": found})


def last_check(database: Database) -> LastCheck | None:
    """Return the last check, or None before the first.

    Raises:
        DatabaseUnavailable: the database is away or busy.
    """
    value = checkpoints.read(database, _CHECKPOINT)
    if value is None:
        return None
    findings = [Finding(**found | {"level": Level(found["level"])}) for found in value["findings"]]
    return LastCheck(datetime.fromtimestamp(value["at"], UTC), findings)
