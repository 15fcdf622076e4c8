"""What is kept of an event: nothing personal, and all that its row is made of."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_core.events import decode_event, read_event
from billing_core.personal_fields import KEPT, METADATA, PERSONAL
from billing_core.redaction import REDACTED, Redaction, compact, parsed
from billing_core.shapes import app_of
from tests.billing_core.test_eras import BODIES, Body
from tests.building import Json
from workers import handlers

REDACTION = Redaction()

names = st.sampled_from([*sorted(PERSONAL)[::7], *sorted(KEPT)[::5], *METADATA, "id", "object", "data", "amount"])
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
bodies = st.dictionaries(
    names,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    ),
    max_size=5,
)


def redacted(event: Any) -> Any:
    event = copy.deepcopy(event)
    REDACTION.strip(event)
    return event


def personal_left(node: Any) -> list[Any]:
    """Return what stands under a personal name, but for the mark."""
    if isinstance(node, list):
        return [found for one in node for found in personal_left(one)]
    if not isinstance(node, dict):
        return []
    here = [value for key, value in node.items() if key in PERSONAL and value not in (REDACTED, None, True, False)]
    inner = [found for key, value in node.items() if key not in PERSONAL for found in personal_left(value)]
    return [value for value in here if value] + inner


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_event_of_each_era_comes_to_the_same_row_from_what_is_kept(body: Body) -> None:
    event, whole = read_event("evt_era", body.posted)
    told, app = handlers.read(event), app_of(event.data.object)
    REDACTION.strip(whole)
    again = decode_event("evt_era", compact(whole).encode())
    assert (handlers.read(again), app_of(again.data.object)) == (told, app)
    assert (again.id, again.as_of, again.object_id, again.cause) == (
        event.id,
        event.as_of,
        event.object_id,
        event.cause,
    )


@settings(max_examples=50)
@given(bodies)
def test_nothing_personal_is_left_and_redacting_again_changes_nothing(event: Json) -> None:
    once = redacted(event)
    assert personal_left(once) == []
    assert redacted(once) == once


@settings(max_examples=50)
@given(bodies)
def test_what_is_not_personal_stays_as_it_was(event: Json) -> None:
    once = redacted(event)
    assert once.keys() == event.keys()
    for key in event.keys() - PERSONAL - {"metadata"}:
        if not isinstance(event[key], dict | list):
            assert once[key] == event[key]


def test_that_there_was_nothing_stays_readable() -> None:
    event = {"email": None, "name": "", "shipping": {}, "address": {"line1": "1 Old Road"}, "wallet": True}
    assert redacted(event) == event | {"address": REDACTED}


def test_of_metadata_only_what_is_named_stays() -> None:
    event = {
        "metadata": {"user_id": "7", "app": "resume", "plan": "m", "note": "call Zoë"},
        "items": [{"metadata": {}}],
    }
    assert redacted(event)["metadata"] == {"user_id": "7", "app": "resume"}
    Redaction(["plan"]).strip(event)
    assert event["metadata"] == {"user_id": "7", "app": "resume", "plan": "m"}


def test_objects_in_lists_of_lists_are_found() -> None:
    assert redacted({"data": [[{"email": "zoe@example.com"}]]}) == {"data": [[{"email": REDACTED}]]}


@pytest.mark.parametrize("text", ['{"a":"\\ud83d"}', '{"a":123456789012345678901234567890}'])
def test_json_that_is_odd_is_read_and_written_all_the_same(text: str) -> None:
    event = parsed(text)
    assert repr(parsed(compact(event))) == repr(event)


def test_text_about_an_event_loses_what_the_event_loses() -> None:
    event = {"name": "Zoë O'Hara", "address": {"line1": "1 Old Road"}, "metadata": {"user_id": "71", "note": "secret"}}
    text = "KeyError: \"Zoë O'Hara\" at 1 Old Road; Zo\\u00eb O'Hara; secret; user 71; ab"
    assert REDACTION.scrubbed(text, event | {"phone": "ab"}) == (
        f'KeyError: "{REDACTED}" at {REDACTED}; {REDACTED}; {REDACTED}; user 71; ab'
    )
