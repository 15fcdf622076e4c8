"""Whatever the order, the shape, the duplicates and the losses: the tables end equal to Stripe."""

import os
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import migrations
from billing_core.database import Database, create_engine_for
from tests.convergence.trial import run_trial

EXAMPLES = int(os.environ.get("EXAMPLES", "250"))  # on each of two databases


@pytest.mark.timeout(0)  # EXAMPLES decides
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 20))
def test_every_history_delivered_in_any_order_ends_in_stripes_state(
    empty_database: Database, random: Random, steps: int
) -> None:
    assert run_trial(random, empty_database, steps).differences == []


@pytest.fixture
def empty_database(database_url: str) -> Iterator[Database]:
    """A migrated database; each example empties it."""
    migrations.upgrade(database_url)
    database = Database(create_engine_for(database_url, pool_size=4))
    yield database
    database.dispose()
