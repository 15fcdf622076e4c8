from dataclasses import replace

from tests.bench import growth


def cells(number: int, measured: growth.Measured = growth.MEASURED) -> dict[str, str]:
    """Return the row of the nth number of subscribers by the columns' titles."""
    table = growth.table(measured)
    return dict(zip(table.header, table.rows[number], strict=True))


def test_page_has_the_table_that_the_measurements_give() -> None:
    text = growth.PAGE.read_text(encoding="utf-8")
    assert growth.written(text) == text


def test_burst_is_eight_events_of_each_subscriber_within_an_hour() -> None:
    assert cells(3)["events/s in the burst"] == "2,222"


def test_smallest_platform_has_one_process_of_each() -> None:
    assert (cells(0)["web processes"], cells(0)["worker processes"]) == ("1", "1")


def test_processes_are_busy_half_of_the_time_at_most() -> None:
    assert cells(3, replace(growth.MEASURED, accept_us=100, apply_us=450))["web processes"] == "1"
    assert cells(3, replace(growth.MEASURED, accept_us=100, apply_us=450))["worker processes"] == "2"
    assert cells(4, replace(growth.MEASURED, accept_us=100))["web processes"] == "5"
