"""Whatever was delivered, dropped, left waiting or lost with a backup: each event ends on record once."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis

from billing_core.database import Database
from billing_core.ordering import SETTLED
from billing_core.stripe_api import StripeApi
from tests.billing_core.test_gaps.service import START, Service, handled, ids, some_history
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.resources.events import thin_id
from tests.stores import outcomes, start_over

FATES = ("dropped", "applied", "waiting", "row lost", "tombstone lost", "thin")


@pytest.fixture(scope="module")
def account() -> Iterator[FakeStripe]:
    """One history for all examples."""
    with FakeStripe(rate=0, start=START) as fake:
        some_history(fake)
        yield fake


@pytest.mark.no_cover  # measuring takes most of its time, and others cover the same
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(random=st.randoms(use_true_random=False))
def test_each_event_is_on_record_once(database: Database, redis_url: str, account: FakeStripe, random: Random) -> None:
    history = handled(account)
    fates = {event["id"]: random.choice(FATES) for event in history}
    random.shuffle(history)
    of = {fate: [event for event in history if fates[event["id"]] == fate] for fate in FATES}
    start_over(database)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        stripe = StripeApi(SecretStr(account.api_key), account.url, timeout=10, max_retries=0)
        service = Service(database, redis, account, stripe)
        service.deliver([*of["applied"], *of["row lost"], *of["tombstone lost"]])
        service.deliver(of["thin"], is_thin=True)
        service.forget(ids(of["row lost"]))
        redis.delete("unused", *(service.keys.event(one) for one in ids(of["tombstone lost"])))
        service.accept(of["waiting"])
        assert service.catch_up() == ids(of["dropped"]) | ids(of["row lost"])
        service.work()
        assert service.catch_up() == set()
    recorded = outcomes(database)
    assert recorded.keys() == {thin_id(event_id) if fate == "thin" else event_id for event_id, fate in fates.items()}
    assert set(recorded.values()) <= SETTLED
