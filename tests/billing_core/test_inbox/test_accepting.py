import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.queues import Family
from tests.billing_core.test_inbox.both_sides import FAMILY, BothSides, event, ids_of

LONGEST_ID = "evt_" + "x" * 250


def test_new_events_are_stored_and_queued_in_one_message(sides: BothSides) -> None:
    assert sides.accept(event("evt_1"), event("evt_2"), event(LONGEST_ID)) == [True, True, True]
    assert sides.queued() == [["evt_1", "evt_2", LONGEST_ID]]
    assert sides.queue()[0]["headers"]["argsrepr"] == f"(['evt_1', 'evt_2', '{LONGEST_ID}'],)"
    assert set(sides.inbox()) == {"evt_1", "evt_2", LONGEST_ID}


def test_each_family_gets_a_message_of_its_own_events(sides: BothSides) -> None:
    families = [Family.DISPUTE, Family.INVOICE, Family.DISPUTE, Family.SUBSCRIPTION]
    assert sides.accept(*(event(f"evt_{number}", family) for number, family in enumerate(families))) == [True] * 4
    expected = {
        Family.DISPUTE: ["evt_0", "evt_2"],
        Family.INVOICE: ["evt_1"],
        Family.SUBSCRIPTION: ["evt_3"],
    }
    for family in Family:
        assert sides.queued(family) == ([expected[family]] if family in expected else [])
        assert sorted(sides.inbox(family)) == expected.get(family, [])
    for family in families:
        assert sides.queue(family)[0]["headers"]["task"] == family


def test_messages_have_ids_of_their_own(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2", Family.DISPUTE))
    sides.accept_apart(event("evt_3"))
    messages = [*sides.queue(), *sides.queue(Family.DISPUTE)]
    assert len({message["properties"]["delivery_tag"] for message in messages}) == 3
    for message in messages:
        assert message["properties"]["delivery_tag"] == message["headers"]["id"]


def test_event_twice_in_one_call_is_new_once(sides: BothSides) -> None:
    assert sides.accept(event("evt_1"), event("evt_1")) == [True, False]
    assert sides.queued() == [["evt_1"]]


def test_only_the_new_events_of_a_call_are_queued(sides: BothSides) -> None:
    sides.accept(event("evt_1", payload=b"first"))
    assert sides.accept(event("evt_1", payload=b"second"), event("evt_2")) == [False, True]
    assert sides.queued() == [["evt_1", "evt_2"]]
    assert sides.working.claim(["evt_1"])[0].payload == b"first"


def test_events_join_a_message_that_nobody_has_taken_yet(sides: BothSides) -> None:
    for number in range(3):
        sides.accept(event(f"evt_{number}a"), event(f"evt_{number}b"))
    (message,) = sides.queue()
    assert ids_of(message) == ["evt_0a", "evt_0b", "evt_1a", "evt_1b", "evt_2a", "evt_2b"]
    assert message["headers"]["argsrepr"] == f"({ids_of(message)},)"
    sides.pop()
    sides.accept(event("evt_3"))
    assert sides.queued() == [["evt_3"]]


def test_full_message_is_left_alone(sides: BothSides) -> None:
    events = [f"evt_{number:024}" for number in range(250)]  # as long as Stripe's
    for event_id in events:
        sides.accept(event(event_id))
    assert [event_id for ids in sides.queued() for event_id in ids] == events
    assert [len(ids) for ids in sides.queued()[:-1]] == [100, 100]


def test_events_join_no_message_of_another_maker(sides: BothSides) -> None:
    """Celery writes the body of a retry in base64."""
    retry = json.dumps({"body": "W1tbImV2dF8xIl1dLCB7fV0=", "headers": {"argsrepr": "(['evt_1'],)"}})
    sides.redis.lpush(sides.keys.queue(FAMILY), retry)
    sides.accept(event("evt_2"))
    assert sides.queue()[0] == json.loads(retry)
    assert ids_of(sides.queue()[1]) == ["evt_2"]


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.sampled_from([b"", b"\n", b"%1@BODY_IDS@", b"\r\n\x00\xff"]))
def test_any_payload_comes_back_unchanged(sides: BothSides, payload: bytes) -> None:
    sides.redis.flushall()
    sides.accept(event("evt_1", payload=payload))
    assert [claimed.payload for claimed in sides.working.claim(["evt_1"])] == [payload]
