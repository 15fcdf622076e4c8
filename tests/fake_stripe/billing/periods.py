"""Billing periods: calendar arithmetic from an anchor, in UTC, as Stripe counts them."""

import calendar
from datetime import UTC, datetime, timedelta

from tests.fake_stripe.errors import Json

FIXED = {"day": timedelta(days=1), "week": timedelta(weeks=1)}

MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, recurring: Json, number: int) -> int:
    """Return the `number`-th period boundary after `anchor`, in Unix seconds.

    A month that lacks the anchor's day ends the period on its last day; the next one returns to it.
    """
    start = datetime.fromtimestamp(anchor, UTC)
    count = number * recurring["interval_count"]
    if recurring["interval"] in FIXED:
        return int((start + count * FIXED[recurring["interval"]]).timestamp())
    return int(_months_later(start, count * MONTHS[recurring["interval"]]).timestamp())


def _months_later(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def period_at(anchor: int, recurring: Json, moment: int) -> tuple[int, int]:
    """Return the period that contains `moment`; before an anchor to come, the stub up to it."""
    if moment < anchor:
        return moment, anchor
    number = 0
    while boundary(anchor, recurring, number + 1) <= moment:
        number += 1
    return boundary(anchor, recurring, number), boundary(anchor, recurring, number + 1)
