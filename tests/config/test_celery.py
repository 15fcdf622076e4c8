import pytest

from config.celery import beat_schedule
from config.settings import Settings

FIVE_MINUTES = 300


@pytest.mark.parametrize("interval", [0.5, 5.0, 400.0])
def test_scheduled_runs_outlast_the_difference_of_two_hosts_clocks(interval: float) -> None:
    schedule = beat_schedule(Settings(env="test", sweep_interval=interval))
    assert {entry["options"]["expires"] > FIVE_MINUTES for entry in schedule.values()} == {True}
    assert schedule["billing.sweep"]["options"]["expires"] >= 2 * interval
