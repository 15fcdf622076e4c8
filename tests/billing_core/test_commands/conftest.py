import time
from collections.abc import Iterator

import pytest

from billing_core.database import Database
from tests.billing_core.test_commands.desk import Desk
from tests.fake_stripe import FakeStripe
from tests.needed_rights import NEEDED


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A fake Stripe of yesterday: a day can pass there until today. Our key may do what we say that it must."""
    with FakeStripe(seed=11, start=time.time() - 25 * 3600) as fake:
        fake.api_key = fake.restrict(NEEDED)
        yield fake


@pytest.fixture
def desk(database: Database, fake: FakeStripe) -> Desk:
    """A desk over each kind of database in turn."""
    return Desk(database, fake)


@pytest.fixture
def any_desk(any_database: Database, fake: FakeStripe) -> Desk:
    """A desk for what does not depend on the database."""
    return Desk(any_database, fake)
