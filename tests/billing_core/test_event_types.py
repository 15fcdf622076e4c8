"""The registry, the handlers, the queues and the page say the same."""

import re
from pathlib import Path

from billing_core.event_types import EVENT_TYPES, FAMILY_OF
from config.queues import Family
from tests.fake_stripe.builders import EIGHT_TYPES
from workers.handlers import HANDLERS

PAGE = Path(__file__).parents[2] / "docs" / "event-types.md"
ROW = re.compile(r"^\| `([\w.]+)` \| `([\w.]+)` \|", re.MULTILINE)


def test_each_type_is_registered_once() -> None:
    assert len(FAMILY_OF) == len(EVENT_TYPES)


def test_the_specifications_types_are_all_registered() -> None:
    assert FAMILY_OF.keys() >= set(EIGHT_TYPES)


def test_each_registered_type_has_a_handler_and_each_handler_a_type() -> None:
    assert HANDLERS.keys() == FAMILY_OF.keys()


def test_each_family_has_a_type() -> None:
    assert set(FAMILY_OF.values()) == set(Family)


def test_each_type_tells_why_we_listen() -> None:
    assert all(event_type.reason for event_type in EVENT_TYPES)


def test_page_lists_the_registered_types_in_order_with_their_families() -> None:
    assert ROW.findall(PAGE.read_text()) == [(name, family) for name, family, _ in EVENT_TYPES]
