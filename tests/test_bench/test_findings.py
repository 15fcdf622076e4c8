import pytest

from tests.bench.findings import Table, last_line, shown


def test_table_is_rendered_with_numbers_to_the_right() -> None:
    table = Table(("who", "per s"), [("ours", "8,000"), ("theirs", "500")])
    assert table.markdown() == "| who | per s |\n| --- | ---: |\n| ours | 8,000 |\n| theirs | 500 |"


def test_last_line_names_every_figure_and_leaves_out_what_was_not_measured() -> None:
    line = last_line({"accept_per_s": 8123.4, "accept_of_limit": 0.613, "lag_p50_ms": 12.34})
    assert line == (
        "accept_per_s=8123 accept_of_limit=0.61 accept_p99_ms=- apply_per_s=- apply_of_ordinary=- "
        "lag_p50_ms=12.3 lag_p99_ms=-"
    )


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234")])
def test_numbers_are_shown_with_the_digits_that_count(value: float, text: str) -> None:
    assert shown(value) == text
