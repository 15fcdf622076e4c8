import json
from typing import Any

import pytest

from billing_core.errors import MalformedEvent
from billing_core.event_types import EVENT_TYPES, FAMILY_OF
from billing_core.events import decode_event
from config.queues import Family
from tests.building import T0, event, event_body, moment, subscription


def test_event_carries_its_object_moment_and_cause() -> None:
    told = event(subscription(), at=3, previous={"status": "incomplete"})
    assert (told.id, told.type) == ("evt_sub_1_3", "customer.subscription.updated")
    assert told.as_of == moment(3)
    assert told.data.object["id"] == "sub_1"
    assert told.data.previous_attributes == {"status": "incomplete"}
    assert (told.cause.id, told.cause.idempotency_key) == ("req_1", "key_1")


def test_request_before_2017_05_25_is_its_id_alone() -> None:
    told = event(subscription(), request="req_old")
    assert (told.cause.id, told.cause.idempotency_key) == ("req_old", None)


def test_event_of_stripes_own_making_has_no_cause() -> None:
    told = event(subscription(), request=None)
    assert (told.cause.id, told.cause.idempotency_key) == (None, None)


def test_fields_we_do_not_know_are_no_obstacle() -> None:
    assert event(subscription(), context="acct_1", pending_webhooks=1, reason={"type": "request"}).id


@pytest.mark.parametrize(
    "changed",
    [
        {"created": "2026-11-23T10:00:00Z"},
        {"created": -1},
        {"created": 10**15},
        {"created": 10**30},
        {"created": None},
        {"data": {}},
        {"data": {"object": []}},
        {"data": None},
        {"livemode": "no"},
        {"type": None},
        {"id": 7},
    ],
    ids=str,
)
def test_what_lacks_an_events_parts_is_malformed(changed: dict[str, Any]) -> None:
    body = json.dumps(json.loads(event_body(subscription())) | changed).encode()
    with pytest.raises(MalformedEvent, match="evt_asked is no Stripe event"):
        decode_event("evt_asked", body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"id": "\xff"}',
        event_body(subscription()).replace(b'"sub_1"', b'"sub_\xff"'),
        event_body(subscription()).replace(b'"object": "event"', b'"object": "\xff"'),
        event_body(subscription()).replace(b'"sub_1"', b'"\\ud800"'),
        event_body(subscription()).replace(b'"data"', b'"data": ' + b'{"a":' * 100_000),
    ],
    ids=["empty", "cut", "null", "list", "deep", "latin", "latin object", "latin elsewhere", "surrogate", "deep data"],
)
def test_what_is_no_json_of_an_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        decode_event("evt_asked", body)


def test_error_quotes_nothing_of_the_body() -> None:
    body = event_body(subscription(), created="jenny@example.com")
    with pytest.raises(MalformedEvent) as error:
        decode_event("evt_asked", body)
    assert "jenny" not in str(error.value)


def test_last_second_that_python_knows_is_a_moment() -> None:
    assert event(subscription(), created=253_402_300_799).as_of.year == 9999
    assert event(subscription(), created=T0).as_of == moment()


def test_registry_names_each_type_once_with_its_reason() -> None:
    assert len(FAMILY_OF) == len(EVENT_TYPES)
    assert set(FAMILY_OF.values()) == set(Family)
    assert all(event_type.reason for event_type in EVENT_TYPES)
