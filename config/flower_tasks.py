"""How Flower shows a task: whose events, what came of them, and how long the first of them took."""

import re
from typing import Any

_EVENT_ID = re.compile(r"evt_\w+")
_MOST_NAMED = 3


def shown(task: Any) -> Any:
    """Return Flower's copy of a task with its texts made readable. A task's own page has the same ones."""
    if event_ids := _EVENT_ID.findall(task.args or ""):
        task.args = _listed(event_ids)
    if isinstance(task.result, str):
        task.result = task.result.strip("'")  # the repr of a text: applied=98 stale=2 lag=0.120s
    return task


def _listed(event_ids: list[str]) -> str:
    named = " ".join(event_ids[:_MOST_NAMED])
    more = len(event_ids) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
