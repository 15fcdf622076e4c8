from billing_core.inbox import SWEEP_BATCH
from config.queues import Family
from tests.billing_core.test_inbox.both_sides import FAMILY, HELD, STALL, BothSides, event


def test_lost_event_is_queued_again_after_the_stall_time(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1"]
    assert sides.queued() == [["evt_1"]]
    assert sides.queue()[0]["headers"]["argsrepr"] == "(['evt_1'],)"


def test_lost_events_share_one_message(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2"))
    sides.pop()
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1", "evt_2"]
    assert sides.queued() == [["evt_1", "evt_2"]]


def test_event_younger_than_the_stall_time_is_left_alone(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.age(STALL - 5)
    assert sides.sweep() == []
    assert sides.queued() == []


def test_event_queued_again_counts_as_fresh(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1"]
    sides.pop()
    assert sides.sweep() == []
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1"]


def test_postponed_event_counts_as_fresh(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.pop()
    sides.age(STALL + 1)
    sides.working.postpone(FAMILY, ["evt_1"])
    assert sides.sweep() == []
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1"]


def test_sweep_of_one_family_leaves_the_others_alone(sides: BothSides) -> None:
    sides.accept(event("evt_1", Family.DISPUTE))
    sides.pop(Family.DISPUTE)
    sides.age(STALL + 1, Family.DISPUTE)
    assert sides.sweep() == []
    assert sides.sweep(Family.DISPUTE) == ["evt_1"]


def test_nothing_is_done_on_an_empty_inbox(sides: BothSides) -> None:
    assert sides.sweep() == []
    assert sides.redis.keys() == []


def test_event_waiting_in_a_long_queue_is_left_alone_however_old(sides: BothSides) -> None:
    for number in range(40):
        sides.accept_apart(event(f"evt_{number}"))
        sides.age(10)
    assert sides.sweep() == []
    assert len(sides.queue()) == 40


def test_event_lost_from_the_front_of_a_long_queue_is_queued_again(sides: BothSides) -> None:
    for number in range(40):
        sides.accept_apart(event(f"evt_{number}"))
        sides.age(10)
    sides.pop()
    sides.pop()
    assert sides.sweep() == ["evt_0", "evt_1"]
    assert sides.queued()[-1] == ["evt_0", "evt_1"]


def test_lost_event_younger_than_the_queues_oldest_waits_until_that_is_consumed(sides: BothSides) -> None:
    sides.accept(event("evt_old"))
    sides.age(60)
    sides.accept_apart(event("evt_lost"))
    sides.age(60)
    old, _lost = sides.pop(), sides.pop()
    sides.restore(old)
    assert sides.sweep() == []
    sides.pop()
    sides.settle("evt_old")
    assert sides.sweep() == ["evt_lost"]


def test_messages_without_work_left_at_the_front_do_not_hide_the_queues_age(sides: BothSides) -> None:
    for number in range(5):
        sides.accept_apart(event(f"evt_done{number}"))
        sides.settle(f"evt_done{number}")
    sides.accept_apart(event("evt_lost"))
    sides.redis.lpop(sides.keys.queue(FAMILY))
    sides.age(5)
    sides.accept(event("evt_waits"))
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_lost"]


def test_queue_whose_front_tells_nothing_is_consumed_before_anything_is_queued_again(sides: BothSides) -> None:
    sides.accept(event("evt_lost"))
    sides.pop()
    sides.age(STALL + 1)
    for number in range(12):
        sides.accept_apart(event(f"evt_done{number}"))
        sides.settle(f"evt_done{number}")
    assert sides.sweep() == []
    for _ in range(12):
        sides.pop()
    assert sides.sweep() == ["evt_lost"]


def test_event_held_by_a_worker_is_left_alone_however_long(sides: BothSides) -> None:
    sides.accept(event("evt_1"), event("evt_2"))
    sides.hold(sides.pop())
    sides.accept(event("evt_lost"))
    sides.pop()
    sides.age(3600)
    assert sides.sweep() == ["evt_lost"]


def test_event_whose_worker_let_go_without_settling_is_queued_again(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    message = sides.pop()
    sides.hold(message)
    sides.age(STALL + 1)
    assert sides.sweep() == []
    sides.ack(message)
    assert sides.sweep() == ["evt_1"]


def test_sweep_takes_the_oldest_first_and_no_more_than_its_limit(sides: BothSides) -> None:
    for number in range(3):
        sides.accept(*(event(f"evt_{number}_{place}") for place in range(60)))
        sides.pop()
        sides.age(STALL + 1)
    swept = sides.sweep()
    assert len(swept) == SWEEP_BATCH
    assert {event_id.split("_")[1] for event_id in swept[:60]} == {"0"}
    assert {event_id.split("_")[1] for event_id in swept[60:]} == {"1"}
    sides.pop()
    assert len(sides.sweep()) == 80
    sides.pop()
    assert sides.sweep() == []


def test_any_number_of_held_events_does_not_hide_a_lost_one(sides: BothSides) -> None:
    sides.accept(*(event(f"evt_{number}") for number in range(SWEEP_BATCH + 50)))
    sides.hold(sides.pop())
    sides.age(60)
    sides.accept(event("evt_lost"))
    sides.pop()
    sides.age(60)
    assert sides.sweep() == ["evt_lost"]


def test_held_events_elsewhere_do_not_raise_the_limit(sides: BothSides) -> None:
    sides.accept(*(event(f"evt_lost{number}") for number in range(SWEEP_BATCH + 20)))
    sides.pop()
    sides.accept(*(event(f"evt_held{number}") for number in range(50)))
    sides.hold(sides.pop())
    sides.age(STALL + 1)
    assert len(sides.sweep()) == SWEEP_BATCH


def test_event_held_for_longer_than_any_worker_can_is_stranded(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    sides.hold(sides.pop(), seconds=HELD + 1)
    sides.age(HELD + 1)
    assert sides.sweep() == ["evt_1"]


def test_event_held_by_a_message_that_kombu_cannot_find_is_stranded(sides: BothSides) -> None:
    sides.accept(event("evt_1"))
    message = sides.pop()
    sides.hold(message)
    sides.redis.zrem(sides.keys.unacked_index, message["properties"]["delivery_tag"])
    sides.age(STALL + 1)
    assert sides.sweep() == ["evt_1"]
