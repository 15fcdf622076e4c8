from collections.abc import Iterator

import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.test_fake_stripe.receiver import Receiver


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A served account whose clock moves only when advanced."""
    with FakeStripe(rate=0, start=1_790_000_000) as served:
        yield served


@pytest.fixture
def client(fake: FakeStripe) -> Iterator[stripe.StripeClient]:
    """The real SDK, pointed at the fake."""
    http = stripe.RequestsClient(timeout=30)
    yield stripe.StripeClient(fake.api_key, base_addresses={"api": fake.url}, http_client=http)
    http.close()  # type: ignore[no-untyped-call]  # stripe leaves it untyped


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening
