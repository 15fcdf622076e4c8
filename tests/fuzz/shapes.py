"""Strategies: anything that JSON can say, and real events in which something is different."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.seeds import events

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=300),  # NUL and lone surrogates, too
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed_events(draw: st.DrawFn, event_id: str) -> bytes:
    """Draw an event of Stripe's with up to three values replaced by anything, or taken out."""
    event = json.loads(draw(st.sampled_from(events())))
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, event)
    return json.dumps(event | {"id": event_id, "livemode": False}).encode()


def _change(draw: st.DrawFn, event: dict[str, Any]) -> None:
    inside: Any = event["data"] if isinstance(event.get("data"), dict) else event
    key: Any = "object" if "object" in inside else draw(st.sampled_from(sorted(inside)))
    while draw(st.booleans()) or key == "object":
        found = inside[key]
        keys = sorted(found) if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
        if not keys:
            break
        inside, key = found, draw(st.sampled_from(keys))
    if isinstance(inside, dict) and draw(st.integers(0, 4)) == 0:
        del inside[key]
    else:
        inside[key] = draw(ANYTHING)
