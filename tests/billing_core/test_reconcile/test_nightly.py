"""The run of each night: begun at its time, done in slices, gone on with after any trouble."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from billing_core import checkpoints
from billing_core.actions import list_actions
from billing_core.errors import StripeUnavailable
from billing_core.reconcile.nightly import CHECKPOINT, Nightly
from billing_core.reconcile.run import LAST_RUN, last_run
from config.celery import beat_schedule
from config.queues import RECONCILE_TASK
from config.settings import Settings
from tests.billing_core.test_reconcile.account import Account
from tests.fake_stripe import FakeStripe


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def nightly(settled: Account) -> Nightly:
    checkpoints.clear(settled.database, CHECKPOINT)
    checkpoints.clear(settled.database, LAST_RUN)
    return Nightly(settled.database, settled.reconcile, at="03:00", repair=False)


def test_first_run_waits_for_its_time(settled: Account, nightly: Nightly) -> None:
    for now in (at(1, 12), at(1, 23), at(2, 2, 59)):
        assert nightly.slice(now, 60) is None
    assert last_run(settled.database) is None
    assert nightly.slice(at(2, 3), 60) is not None
    run = last_run(settled.database)
    assert run
    assert run.finished_at
    assert sum(run.drift.values()) == 0


def test_next_run_is_the_next_night(nightly: Nightly) -> None:
    nightly.slice(at(1, 12), 60)
    assert nightly.slice(at(2, 3, 1), 60)
    assert nightly.slice(at(2, 3, 2), 60) is None
    assert nightly.slice(at(3, 3), 60)


def test_slices_add_up_to_a_run(settled: Account, nightly: Nightly) -> None:
    nightly.slice(at(1, 12), 0)
    slices = 0
    while last_run(settled.database) is None:
        assert nightly.slice(at(2, 3, slices), 0)
        slices += 1
    run = last_run(settled.database)
    assert run
    assert run.complete
    assert slices > len(run.kinds)


def test_slice_that_stripe_does_not_answer_is_done_again(settled: Account, nightly: Nightly) -> None:
    nightly.slice(at(1, 12), 0)
    nightly.slice(at(2, 3), 0)
    settled.fake.faults.down = True
    with pytest.raises(StripeUnavailable):
        nightly.slice(at(2, 3, 1), 60)
    settled.fake.faults.clear()
    nightly.slice(at(2, 3, 2), 60)
    run = last_run(settled.database)
    assert run
    assert run.complete
    assert run.tally("customer").at_stripe == 5


def test_beat_asks_only_with_a_key_and_a_time() -> None:
    key = SecretStr(FakeStripe.api_key)
    assert RECONCILE_TASK in beat_schedule(Settings(env="test", stripe_secret_key=key))
    assert RECONCILE_TASK not in beat_schedule(Settings(env="test"))
    assert RECONCILE_TASK not in beat_schedule(Settings(env="test", stripe_secret_key=key, reconcile_at="off"))


def test_run_that_may_repair_is_recorded_once_as_the_services_own(settled: Account, nightly: Nightly) -> None:
    repairing = Nightly(settled.database, settled.reconcile, at="03:00", repair=True)
    nightly.slice(at(1, 12), 0)
    for minute in range(2):
        repairing.slice(at(2, 3, minute), 0)
    with settled.database.read() as session:
        actions = list_actions(session, action="reconcile.repair")
    assert [(one["subject"], one["source"]) for one in actions] == [("system", "system")]
