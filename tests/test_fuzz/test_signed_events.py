"""Anything that bears Stripe's signature, through to the rows: it ends on record, applied or dead, and stops nobody."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from billing_core.database import Database
from billing_core.event_types import family_of
from billing_core.models import BillingEvent
from tests.building import event_body, invoice
from tests.fuzz.shapes import changed_events
from tests.stores import row
from tests.test_fuzz.test_webhook import EXAMPLES, FEW, FUZZED
from tests.workers.test_batch import Door, door_to


@pytest.fixture
def door(redis_url: str, sqlite: Database) -> Iterator[Door]:
    with Redis.from_url(redis_url) as redis:
        yield door_to(sqlite, redis, redis_url)


def test_event_of_no_shape_ends_on_record_and_its_neighbour_is_applied(door: Door, sqlite: Database) -> None:
    number = 0

    @settings(FUZZED, max_examples=EXAMPLES // 3 if FEW else EXAMPLES)  # each is two events in a database
    @given(st.data())
    def one(data: st.DataObject) -> None:
        nonlocal number
        number += 1
        strange, sound = f"evt_strange_{number}", f"evt_sound_{number}"
        body = data.draw(changed_events(strange))
        family = family_of(str(json.loads(body).get("type")))
        if family is None:
            return  # the endpoint acknowledges and drops it
        neighbour = event_body(invoice(f"in_{number}"), id=sound)
        assert door.handle({strange: body, sound: neighbour}, family) == []
        assert door.waiting(family) == set()
        assert row(sqlite, BillingEvent, stripe_event_id=strange).outcome
        assert row(sqlite, BillingEvent, stripe_event_id=sound).outcome == "applied"

    one()
