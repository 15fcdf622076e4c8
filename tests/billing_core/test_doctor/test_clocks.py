from datetime import UTC, datetime, timedelta

import pytest

from billing_core.doctor.clocks import compared
from billing_core.finding import Level

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("skew", "level", "found"),
    [
        (0, Level.OK, "agrees with this machine's"),
        (-4, Level.OK, "agrees with this machine's"),
        (5, Level.WARN, "5 s ahead of this machine's"),
        (-149, Level.WARN, "149 s behind this machine's"),
        (300, Level.FAIL, "300 s ahead of this machine's"),
        (-300, Level.FAIL, "300 s behind this machine's"),
    ],
)
def test_clock_is_judged_by_what_it_harms(skew: int, level: Level, found: str) -> None:
    finding = compared("Redis'", NOW + timedelta(seconds=skew), NOW)
    assert (finding.check, finding.level, finding.found) == ("Redis' clock", level, found)
