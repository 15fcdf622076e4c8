import gc
from collections.abc import Iterator

import pytest

from config.collector import YOUNG, look_rarely, spare_what_stays


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_is_left_out_of_later_collections() -> None:
    spare_what_stays()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == YOUNG


def test_while_a_process_is_built_the_collector_looks_rarely_and_is_not_switched_off() -> None:
    look_rarely()
    assert gc.get_threshold()[0] == YOUNG
    assert gc.isenabled()


def test_garbage_that_comes_later_is_still_collected() -> None:
    class Loop:
        def __init__(self) -> None:
            self.me = self

    spare_what_stays()
    Loop()
    assert gc.collect() >= 1
