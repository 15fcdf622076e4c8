import time
from datetime import UTC, datetime, timedelta

from billing_core.inbox import Depth
from tests.billing_core.test_inbox.both_sides import FAMILY, WINDOW, BothSides, event


def test_claimed_event_tells_when_it_was_accepted_whatever_happened_since(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.age(3600)
    sides.pop()
    sides.sweep()
    [claimed] = sides.working.claim(["evt_1"])
    assert abs(datetime.now(UTC) - claimed.accepted_at) < timedelta(seconds=60)


def test_claim_returns_only_events_with_work_left(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2"), event("evt_3"))
    sides.settle("evt_2")
    claimed = sides.working.claim(["evt_3", "evt_2", "evt_unknown", "evt_1"])
    assert [one.event_id for one in claimed] == ["evt_3", "evt_1"]
    assert sides.working.claim([]) == []


def test_each_claim_counts_as_a_delivery(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2"))
    assert deliveries(sides, "evt_1") == 1
    assert deliveries(sides, "evt_1") == 2
    assert deliveries(sides, "evt_2") == 1


def test_postponing_gives_the_delivery_back(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    for _ in range(3):
        assert deliveries(sides, "evt_1") == 1
        sides.working.postpone(FAMILY, ["evt_1"])
    sides.working.claim(["evt_1"])  # its worker dies
    assert deliveries(sides, "evt_1") == 2


def deliveries(sides: BothSides, event_id: str) -> int:
    [claimed] = sides.working.claim([event_id])
    return claimed.deliveries


def test_settled_event_leaves_a_tombstone_for_the_dedupe_window_and_nothing_else(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.settle("evt_1")
    key = sides.keys.event("evt_1")
    assert sides.redis.keys() == [key.encode()]
    assert sides.redis.get(key) == b""
    assert WINDOW - 60 < sides.redis.ttl(key) <= WINDOW
    assert sides.accept(event("evt_1")) == [False]
    assert sides.queued() == []


def test_event_is_new_again_when_its_tombstone_has_expired(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.settle("evt_1")
    sides.redis.pexpire(sides.keys.event("evt_1"), 1)
    while sides.redis.exists(sides.keys.event("evt_1")):
        time.sleep(0.001)
    assert sides.accept(event("evt_1")) == [True]


def test_released_event_leaves_nothing_and_is_accepted_again(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.working.claim(["evt_1"])
    sides.working.release(FAMILY, ["evt_1"])
    assert sides.redis.keys() == []
    assert sides.accept(event("evt_1")) == [True]
    assert deliveries(sides, "evt_1") == 1


def test_settling_twice_or_after_release_changes_nothing(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2"))
    sides.working.claim(["evt_1", "evt_2"])
    sides.working.settle(FAMILY, ["evt_1"])
    sides.working.release(FAMILY, ["evt_2"])
    sides.redis.persist(sides.keys.event("evt_1"))
    sides.working.settle(FAMILY, ["evt_1", "evt_2"])
    sides.working.settle(FAMILY, [])
    assert sides.redis.ttl(sides.keys.event("evt_1")) == -1
    assert not sides.redis.exists(sides.keys.event("evt_2"))


def test_event_accepted_again_is_not_settled_by_a_message_from_before_its_release(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.working.claim(["evt_1"])
    sides.working.release(FAMILY, ["evt_1"])
    assert sides.working.claim(["evt_1"]) == []  # by a second message of the same event
    sides.accept(event("evt_1", payload=b"again"))  # "Resend"
    sides.working.settle(FAMILY, ["evt_1"])  # by that second message
    assert [claimed.payload for claimed in sides.working.claim(["evt_1"])] == [b"again"]
    assert set(sides.inbox()) == {"evt_1"}


def test_entry_whose_payload_is_gone_is_cleaned_up_by_its_message(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.redis.delete(sides.keys.event("evt_1"))
    sides.settle("evt_1")
    assert sides.inbox() == {}
    assert not sides.redis.exists(sides.keys.event("evt_1"))


def test_settled_event_is_not_revived_by_postponing(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.settle("evt_1")
    sides.working.postpone(FAMILY, ["evt_1"])
    assert sides.inbox() == {}
    assert not sides.redis.exists(sides.keys.deliveries)


def test_settled_or_released_event_is_accepted_again_for_a_replay(sides: BothSides) -> None:
    sides.accept(event("evt_settled"), event("evt_released"))
    sides.pop()
    sides.settle("evt_settled")
    sides.working.claim(["evt_released"])
    sides.working.release(FAMILY, ["evt_released"])
    again = [event("evt_settled", payload=b"1"), event("evt_released", payload=b"2")]
    assert sides.working.accept_again(again) == [True, True]
    assert sides.queued() == [["evt_settled", "evt_released"]]
    assert [claimed.payload for claimed in sides.working.claim(["evt_settled", "evt_released"])] == [b"1", b"2"]


def test_event_still_due_stays_as_it_is_in_a_replay(sides: BothSides) -> None:
    sides.accept(event("evt_1", payload=b"first"))
    assert sides.working.accept_again([event("evt_1", payload=b"second")]) == [False]
    assert sides.queued() == [["evt_1"]]
    assert sides.working.claim(["evt_1"])[0].payload == b"first"


def test_due_is_what_was_accepted_and_not_settled(sides: BothSides) -> None:
    sides.accept(event("evt_waiting"), event("evt_claimed"), event("evt_settled"), event("evt_released"))
    sides.settle("evt_settled")
    sides.working.claim(["evt_claimed", "evt_released"])
    sides.working.release(FAMILY, ["evt_released"])
    asked = ["evt_waiting", "evt_claimed", "evt_settled", "evt_released", "evt_unknown"]
    assert sides.working.due(asked) == {"evt_waiting", "evt_claimed"}
    assert sides.working.due([]) == set()


def test_depth_tells_what_waits_and_for_how_long(sides: BothSides) -> None:
    assert sides.working.depth(FAMILY) == Depth(inbox=0, queue=0, oldest_s=0.0)
    sides.accept(event("evt_1"), event("evt_2"))
    sides.age(60)
    sides.accept_apart(event("evt_3"))
    sides.accept_apart(event("evt_4"))
    sides.pop()
    depth = sides.working.depth(FAMILY)
    assert (depth.inbox, depth.queue) == (4, 2)
    assert 59 <= depth.oldest_s < 120
    assert depth.queue_oldest_s < 59  # the first message was taken
