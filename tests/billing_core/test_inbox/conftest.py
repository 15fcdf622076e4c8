from collections.abc import Iterator

import pytest

from tests.billing_core.test_inbox.both_sides import BothSides


@pytest.fixture(params=["fakeredis", "redis"])
def sides(request: pytest.FixtureRequest) -> Iterator[BothSides]:
    """Both sides of an empty inbox, on each kind of Redis in turn."""
    if request.param == "fakeredis":
        sides = BothSides.on_fakeredis()
    else:
        sides = BothSides.on_server(request.getfixturevalue("redis_url"))
    with sides.redis:
        yield sides
