"""A secret may go once Stripe can sign nothing with it any more, and another one has taken over."""

from datetime import UTC, datetime, timedelta

import pytest

from billing_core.keys.retirement import judged

NOW = datetime(2026, 9, 21, 8, 30, tzinfo=UTC)


def days_ago(**last: float) -> dict[str, datetime]:
    return {name: NOW - timedelta(days=days) for name, days in last.items()}


@pytest.mark.parametrize(
    ("configured", "last", "removable", "why"),
    [
        (["old"], days_ago(old=30), False, "it is the only one"),
        (["new", "old"], {}, False, "it never matched: a new one, whose turn comes, or another endpoint's"),
        (
            ["new", "old"],
            days_ago(new=0, old=2),
            False,
            "Stripe may deliver again what it signed with it until 2026-09-22 08:30 UTC",
        ),
        (["new", "old"], days_ago(old=4), False, "no other secret matched since"),
        (["new", "old"], days_ago(new=5, old=4), False, "no other secret matched since"),
        (["new", "old"], days_ago(former=0, old=4), False, "no other secret matched since"),
        (["new", "old"], days_ago(new=0, old=4), True, "not matched for 4 days, while new matched since"),
        (
            ["third", "new", "old"],
            days_ago(third=1, new=2, old=4),
            True,
            "not matched for 4 days, while third matched since",
        ),
    ],
)
def test_old_secret(configured: list[str], last: dict[str, datetime], removable: bool, why: str) -> None:
    old = next(one for one in judged(configured, last, NOW) if one.fingerprint == "old")
    assert (old.removable, old.why) == (removable, why)


def test_new_secret_stays_while_the_old_one_still_signs() -> None:
    new, old = judged(["new", "old"], days_ago(old=0), NOW)
    assert (new.removable, old.removable) == (False, False)


def test_secret_that_was_removed_is_named_with_its_last_match() -> None:
    _, former = judged(["new"], days_ago(new=0, former=9), NOW)
    assert (former.fingerprint, former.configured, former.removable) == ("former", False, None)
    assert former.last_matched_at == NOW - timedelta(days=9)
