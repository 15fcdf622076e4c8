from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

import migrations
from tests.billing_core.test_reconcile.account import Account, forget, live, with_users
from tests.fake_stripe import FakeStripe
from tests.kinds import EACH, empty_database
from tests.stores import open_database


@pytest.fixture(scope="module", params=EACH)
def empty_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database for all tests of a module, of each kind in turn."""
    with empty_database(request, request.param) as url:
        migrations.upgrade(url)
        yield url


@pytest.fixture(scope="module")
def settled(empty_database_url: str) -> Iterator[Account]:
    """An account whose rows all say what Stripe says. A test leaves it so, or restores it."""
    database = with_users(open_database(empty_database_url))
    with FakeStripe(seed=5, rate=0) as fake, capture_logs():
        account = Account(fake, database)
        live(fake)
        account.run(repair=True, fill=True)
        forget(fake)
        account.run(repair=True)
        yield account
        assert fake.spec_violations == []
    database.dispose()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is logged is of interest to few tests, and each of them captures it itself."""
    with capture_logs():
        yield
