"""The property, for each database in a file of its own: pytest-xdist hands out files."""

import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_core.database import Database
from tests.convergence.trial import run_trial

EXAMPLES = int(os.environ.get("EXAMPLES", "250"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 20))
def every_history_ends_in_stripes_state(database: Database, random: Random, steps: int) -> None:
    """Whatever the order, the shape, the duplicates and the losses: the tables end equal to Stripe."""
    assert run_trial(random, database, steps).differences == []
