"""Whatever happens to messages, no unsettled event becomes unreachable, and none is queued beside itself."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from billing_core.inbox import SWEEP_BATCH
from tests.billing_core.test_inbox.both_sides import FAMILY, STALL, BothSides, Message, event, ids_of

held_message = precondition(lambda self: self.held)
which = st.integers(min_value=0)


class Histories(RuleBasedStateMachine):
    """Deliveries, workers that finish, fail, die and lose messages, and sweeps, in any order."""

    def __init__(self, sides: BothSides) -> None:
        super().__init__()
        self.sides = sides
        sides.redis.flushall()
        self.numbers = count()
        self.unsettled: set[str] = set()
        self.settled: set[str] = set()
        self.held: list[Message] = []

    # --- The endpoint ---

    @rule(size=st.integers(1, 3))
    def new_events_arrive(self, size: int) -> None:
        ids = [f"evt_{next(self.numbers)}" for _ in range(size)]
        assert self.sides.accept(*map(event, ids)) == [True] * size
        self.unsettled.update(ids)

    @precondition(lambda self: self.unsettled or self.settled)
    @rule(which=which)
    def event_seen_before_arrives(self, which: int) -> None:
        known = sorted(self.unsettled | self.settled)
        queued = self.sides.queued()
        assert self.sides.accept(event(known[which % len(known)])) == [False]
        assert self.sides.queued() == queued

    # --- Workers and the queue ---

    @precondition(lambda self: self.sides.waiting())
    @rule()
    def worker_takes_a_message(self) -> None:
        message = self.sides.pop()
        self.sides.hold(message)
        self.held.append(message)

    @precondition(lambda self: self.sides.waiting())
    @rule()
    def message_is_lost_on_its_way_to_a_worker(self) -> None:
        self.sides.pop()

    @held_message
    @rule(which=which)
    def worker_settles(self, which: int) -> None:
        message = self._let_go(which)
        self._settle(message)

    @held_message
    @rule(which=which)
    def worker_dies_after_the_commit_and_the_message_comes_back(self, which: int) -> None:
        message = self._let_go(which)
        self._settle(message)
        self.sides.restore(message)

    @held_message
    @rule(which=which)
    def worker_dies_and_the_message_comes_back(self, which: int) -> None:
        message = self._let_go(which)
        self.sides.working.claim(ids_of(message))
        self.sides.restore(message)

    @held_message
    @rule(which=which)
    def worker_loses_the_message(self, which: int) -> None:
        self.sides.working.claim(ids_of(self._let_go(which)))

    @held_message
    @rule(which=which, published=st.booleans())
    def worker_postpones(self, which: int, published: bool) -> None:
        message = self._let_go(which)
        later = [claimed.event_id for claimed in self.sides.working.claim(ids_of(message))]
        self.sides.working.postpone(FAMILY, later)
        if published and later:
            self.sides.publish(later)

    # --- Time, and the sweep ---

    @rule(seconds=st.sampled_from([1.0, STALL / 2, STALL + 1, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.sides.age(seconds)

    @rule()
    def sweep(self) -> None:
        reachable = self._waiting() | self._held()
        swept = self.sides.sweep()
        assert set(swept) <= self.unsettled - reachable
        assert len(swept) == len(set(swept)) <= SWEEP_BATCH
        assert not set(self.sides.sweep())

    # --- What always holds ---

    @invariant()
    def inbox_holds_exactly_what_is_unsettled(self) -> None:
        assert set(self.sides.inbox()) == self.unsettled

    @invariant()
    def unsettled_events_keep_their_payload_and_settled_ones_do_not(self) -> None:
        known = sorted(self.unsettled | self.settled)
        values = self.sides.redis.mget([self.sides.keys.event(event_id) for event_id in known]) if known else []
        assert [event_id for event_id, value in zip(known, values, strict=True) if value] == sorted(self.unsettled)
        assert None not in values

    def teardown(self) -> None:
        """Workers that are left alone for a while settle everything."""
        for message in self.held:
            self.sides.restore(message)
        for _ in range(10):
            while self.sides.waiting():
                self._settle(self.sides.pop())
            self.sides.age(STALL + 1)
            if not self.sides.sweep():
                break
        assert self.sides.inbox() == {}
        assert self.sides.queue() == []
        assert self.unsettled == set()
        assert not self.sides.redis.exists(self.sides.keys.deliveries)

    def _let_go(self, which: int) -> Message:
        message = self.held.pop(which % len(self.held))
        self.sides.ack(message)
        return message

    def _settle(self, message: Message) -> None:
        ids = ids_of(message)
        self.sides.settle(*ids)
        self.unsettled.difference_update(ids)
        self.settled.update(ids)

    def _waiting(self) -> set[str]:
        return {event_id for ids in self.sides.queued() for event_id in ids}

    def _held(self) -> set[str]:
        return {event_id for message in self.held for event_id in ids_of(message)}


def test_no_history_loses_an_event_or_queues_it_beside_itself(sides: BothSides) -> None:
    def machine() -> RuleBasedStateMachine:
        return Histories(sides)

    limits: Any = settings(
        max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=limits)  # type: ignore[arg-type]  # a factory serves as well
