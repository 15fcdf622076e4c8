from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.ordering import Outcome, State, changes, fold, latest_without_stripe
from tests.building import moment, record, state

STATUSES = ["incomplete", "active", "past_due", "unpaid", "canceled"]


@dataclass(frozen=True, eq=False)
class Seen:
    """An observation; two of the same state are still two."""

    state: State


# Few seconds and few statuses, so that duplicates, ties and terminal states are common.
states = st.builds(lambda at, status: state(at=at, status=status), st.integers(0, 4), st.sampled_from(STATUSES))
observations = st.lists(st.builds(Seen, states), max_size=8)


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    """Observations without ties: one state for each rank, seen any number of times."""
    drawn = draw(st.lists(states, max_size=8))
    by_rank = {one.rank: one for one in drawn}
    return [Seen(by_rank[one.rank]) for one in drawn]


def fold_in_parts(held: State | None, observed: list[Seen], cuts: list[int]) -> State | None:
    edges = [0, *sorted(cut % (len(observed) + 1) for cut in cuts), len(observed)]
    for start, end in pairwise(edges):
        held = fold(held, observed[start:end]).state
    return held


@given(histories(), st.data())
def test_without_ties_every_order_and_every_split_end_in_the_same_state(
    observed: list[Seen], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(observed))
    cuts = data.draw(st.lists(st.integers(0, 8), max_size=3))
    assert fold_in_parts(None, shuffled, cuts) == fold(None, observed).state


@given(histories())
def test_the_state_kept_is_the_highest_ranked_one(observed: list[Seen]) -> None:
    best = max((one.state for one in observed), key=lambda one: one.rank, default=None)
    assert fold(None, observed).state == best


@given(st.none() | states, observations)
def test_seeing_everything_again_changes_nothing(held: State | None, observed: list[Seen]) -> None:
    once = fold(held, observed)
    again = fold(once.state, [one for one in observed if one not in once.ties])
    assert again.newest is None
    assert again.state == once.state
    assert all(not changed for _, _, changed in again.results)


@given(st.none() | states, observations)
def test_every_observation_is_decided_once_or_tied(held: State | None, observed: list[Seen]) -> None:
    folded = fold(held, observed)
    decided = [one for one, _, _ in folded.results]
    assert sorted(map(id, [*decided, *folded.ties])) == sorted(map(id, observed))


@given(st.none() | states, observations)
def test_ties_are_those_of_the_final_rank_that_say_something_else(held: State | None, observed: list[Seen]) -> None:
    folded = fold(held, observed)
    final = folded.state
    expected = [one for one in observed if final and one.state.rank == final.rank and one.state.record != final.record]
    assert set(folded.ties) == set(expected)


@given(st.none() | states, observations)
def test_changes_lead_from_the_state_held_to_the_final_one(held: State | None, observed: list[Seen]) -> None:
    folded = fold(held, observed)
    status = held.record.status if held else None  # type: ignore[union-attr]  # a subscription's
    for _, _, changed in folded.results:
        if "status" in changed:
            before, status = changed["status"]
            assert before != status
    assert status == (folded.state.record.status if folded.state else None)  # type: ignore[union-attr]


@given(st.none() | states, observations)
def test_newest_is_where_the_state_comes_from(held: State | None, observed: list[Seen]) -> None:
    folded = fold(held, observed)
    assert folded.state == (folded.newest.state if folded.newest else held)


def outcomes_of(held: State | None, *observed: State) -> list[tuple[State, Outcome]]:
    return [(one.state, outcome) for one, outcome, _ in fold(held, map(Seen, observed)).results]


def test_older_state_is_stale() -> None:
    old, new = state(at=1, status="active"), state(at=2, status="past_due")
    assert outcomes_of(new, old) == [(old, Outcome.STALE)]


def test_terminal_state_wins_over_a_later_one() -> None:
    ended, late = state(at=1, status="canceled"), state(at=2, status="active")
    assert outcomes_of(ended, late) == [(late, Outcome.STALE)]
    assert outcomes_of(late, ended) == [(ended, Outcome.APPLIED)]


def test_terminal_state_wins_within_its_second_without_a_tie() -> None:
    ended, active = state(at=1, status="canceled"), state(at=1, status="active")
    folded = fold(None, [Seen(ended), Seen(active)])
    assert folded.state == ended
    assert folded.ties == []


def test_state_of_the_same_second_that_says_the_same_is_applied_without_change() -> None:
    held = state(at=1)
    folded = fold(held, [Seen(state(at=1))])
    assert [(outcome, changed) for _, outcome, changed in folded.results] == [(Outcome.APPLIED, {})]
    assert folded.newest is None


def test_tie_that_a_later_state_overtakes_needs_nobody_to_decide() -> None:
    one, other, later = state(at=1, status="active"), state(at=1, status="past_due"), state(at=2, status="active")
    folded = fold(None, map(Seen, [one, other, later]))
    assert folded.ties == []
    assert [outcome for _, outcome, _ in folded.results] == [Outcome.APPLIED, Outcome.APPLIED, Outcome.STALE]


def test_later_state_that_says_the_same_moves_the_moment_on() -> None:
    folded = fold(state(at=1), [Seen(state(at=2))])
    assert folded.state is not None
    assert folded.state.as_of == moment(2)
    assert [changed for _, _, changed in folded.results] == [{}]


@given(st.lists(states, min_size=1, max_size=6), st.data())
def test_without_stripe_the_choice_is_the_same_in_any_order_and_any_parts(
    seen: list[State], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(seen))
    chosen = shuffled[0]
    for one in shuffled[1:]:
        chosen = latest_without_stripe([chosen, one])
    assert chosen == latest_without_stripe(seen)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("incomplete", "active"), ("active", "past_due"), ("draft", "open"), ("open", "paid"), ("paid", "never_seen")],
)
def test_without_stripe_what_is_further_on_the_usual_course_wins(earlier: str, later: str) -> None:
    one, other = state(status=earlier), state(status=later)
    assert latest_without_stripe([one, other]) == latest_without_stripe([other, one]) == other


def test_nothing_seen_keeps_what_is_held() -> None:
    held = state()
    assert fold(held, list[Seen]()).state is held
    assert fold(None, list[Seen]()).state is None


def test_changes_name_each_field_with_before_and_after_as_json() -> None:
    before, after = record(status="active"), record(status="canceled", ended_at=1_790_000_009)
    assert changes(before, after) == {
        "status": ["active", "canceled"],
        "ended_at": [None, "2026-09-21T14:13:29+00:00"],
    }


def test_changes_of_a_first_state_leave_out_what_is_empty() -> None:
    first: dict[str, Any] = changes(None, record())
    assert first["status"] == [None, "active"]
    assert "cancel_at" not in first
