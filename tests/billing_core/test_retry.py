import sqlite3
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable, RaceLost, StripeUnavailable
from billing_core.models import Subscription, User
from billing_core.process import Processor
from billing_core.retry import countdown, named_database_errors, retry_blips
from tests.building import fact, subscription
from tests.scripted_stripe import ScriptedStripe
from tests.stores import link, open_database, outcomes, row, wait_for_lock

SECRET = "jenny@example.com"


def failing(times: int, error: Exception) -> Callable[[], int]:
    """Return a function that raises so often and then says how often it was called."""
    calls = 0

    def call() -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error
        return calls

    return call


@pytest.mark.parametrize("error", [DatabaseUnavailable("busy"), RaceLost("changed")], ids=repr)
def test_blip_is_retried_within_the_call(error: Exception) -> None:
    assert retry_blips(failing(3, error))() == 4


def test_what_lasts_longer_than_a_blip_is_raised_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    with pytest.raises(RaceLost, match="changed"):
        retry_blips(failing(100, RaceLost("changed")))()


def test_stripes_absence_is_not_retried_here_because_the_sdk_did() -> None:
    with pytest.raises(StripeUnavailable):
        retry_blips(failing(1, StripeUnavailable("503")))()


def test_row_that_somebody_else_inserted_first_is_a_lost_race(database: Database) -> None:
    with pytest.raises(RaceLost) as error, named_database_errors():
        link(database, "cus_1", 1, default_payment_method=SECRET)
    assert isinstance(error.value.__cause__, IntegrityError)
    assert SECRET not in str(error.value)


def test_database_that_does_not_answer_is_unavailable(away_url: str) -> None:
    away = open_database(away_url)
    with pytest.raises(DatabaseUnavailable, match="OperationalError"), named_database_errors(), away.read() as session:
        session.execute(sa.text("SELECT 1"))


def test_what_no_retry_would_mend_stays_as_it_is(server_database: Database) -> None:
    with pytest.raises(DBAPIError), named_database_errors(), server_database.write() as session:
        session.execute(sa.text("SELECT CAST('x' AS INTEGER)"))


def test_error_outside_the_database_passes_through() -> None:
    with pytest.raises(sqlite3.DatabaseError), named_database_errors():
        raise sqlite3.DatabaseError


# The other side is the victim: on PostgreSQL who looks first, after the default of a second.
NO_VICTIM = {"postgresql": "SET LOCAL deadlock_timeout = '60s'", "mssql": "SET DEADLOCK_PRIORITY HIGH"}


def test_deadlock_is_retried_until_both_sides_are_done(server_database: Database) -> None:
    processor = Processor(server_database, ScriptedStripe())
    processor.process([fact(subscription(one), at=0) for one in ("sub_1", "sub_2")])
    lock = sa.update(Subscription).values(quantity=9)
    news = [fact(subscription(one, status="past_due"), at=9) for one in ("sub_1", "sub_2")]
    with server_database.engine.begin() as rival:
        rival.execute(sa.text(NO_VICTIM[server_database.engine.dialect.name]))
        rival.execute(lock.where(Subscription.stripe_subscription_id == "sub_2"))
        thread = threading.Thread(target=processor.process, args=[news])
        thread.start()
        wait_for_lock(server_database)
        rival.execute(lock.where(Subscription.stripe_subscription_id == "sub_1"))
    thread.join(30)
    assert row(server_database, Subscription, stripe_subscription_id="sub_1").status == "past_due"
    assert set(outcomes(server_database).values()) == {"applied"}


def test_countdown_grows_with_jitter_up_to_its_limit() -> None:
    for retries in range(20):
        longest = min(20.0, 2.0**retries)
        assert all(0.5 <= countdown(retries, 20) <= longest for _ in range(20))
    assert len({countdown(5, 20) for _ in range(20)}) > 1


def test_user_that_is_gone_is_no_race(database: Database) -> None:
    with pytest.raises(IntegrityError), named_database_errors():
        link(database, "cus_new", 99)
    with database.read() as session:
        assert session.get(User, 99) is None
