import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.percentiles import percentile

NUMBERS = st.lists(st.floats(allow_nan=False), min_size=1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentile_is_the_value_at_its_rank(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


@given(NUMBERS, st.floats(0, 1))
def test_percentile_is_one_of_the_values_and_exceeded_by_few_enough(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
