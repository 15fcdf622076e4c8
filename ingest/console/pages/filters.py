"""The filters of the list of events, as they stand in an address or in a form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from billing_core.event_log import Selection
from billing_core.ordering import Outcome
from ingest.console.errors import BadForm

SINCE = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}

# Longer than any ID, type or reason that there is.
_LONGEST = 500

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """All of them together; what is empty asks nothing."""

    about: str = ""
    outcome: str = ""
    type: str = ""
    error: str = ""
    since: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> "Filters":
        """Read them.

        Raises:
            BadForm: one is none.
        """
        found = cls(**{name: values.get(name, "").strip() for name in cls.__dataclass_fields__})
        if any(len(value) > _LONGEST or "\0" in value for value in found.query.values()):
            raise BadForm("a filter is too long")
        if found.outcome and found.outcome not in set(Outcome):
            raise BadForm(f"an outcome is one of {', '.join(Outcome)}")
        if found.since and found.since not in SINCE:
            raise BadForm(f"since is one of {', '.join(SINCE)}")
        return found

    @property
    def query(self) -> dict[str, str]:
        """As they stand in an address."""
        return {name: value for name, value in asdict(self).items() if value}

    def selection(self, now: datetime) -> Selection:
        """Return the events that they choose."""
        return Selection(
            outcome=self.outcome or None,
            event_type=self.type or None,
            reason=self.error or None,
            since=now - SINCE[self.since] if self.since else None,
            about=self.about or None,
        )


def read_before(values: Mapping[str, str]) -> int | None:
    """Return where a page begins: after the row with this ID of ours.

    Raises:
        BadForm: it is no ID.
    """
    value = values.get("before", "")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and int(value) <= LARGEST_ID):
        raise BadForm("before is the ID of a row")
    return int(value)
