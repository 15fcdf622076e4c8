from collections.abc import Iterable

import pytest

from billing_core.dialects import in_chunks


@pytest.mark.parametrize(
    ("values", "chunks"),
    [([], []), ([1, 2], [[1, 2]]), ({1: "", 2: "", 3: ""}, [[1, 2], [3]]), (iter([1, 2, 3, 4]), [[1, 2], [3, 4]])],
)
def test_chunks_have_everything_once_in_order(values: Iterable[int], chunks: list[list[int]]) -> None:
    assert list(in_chunks(values, 2)) == chunks


def test_chunk_leaves_a_statement_room_for_the_list_twice() -> None:
    assert [2 * len(chunk) < 2100 for chunk in in_chunks(range(2500))] == [True, True, True]
