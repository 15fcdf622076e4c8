from concurrent.futures import ThreadPoolExecutor

import pytest

from billing_core import checkpoints
from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from billing_core.models import BillingCheckpoint
from tests.stores import count, open_database, row


def test_name_without_checkpoint_has_none(database: Database) -> None:
    assert checkpoints.read(database, "gaps") is None
    checkpoints.clear(database, "gaps")


def test_last_written_value_is_read_whatever_other_names_hold(database: Database) -> None:
    checkpoints.write(database, "gaps", {"through": 1})
    checkpoints.write(database, "backfill", {"cursor": "cus_1", "counts": {"Škoda": 2}})
    before = row(database, BillingCheckpoint, name="gaps").updated_at
    checkpoints.write(database, "gaps", {"through": 2})
    assert checkpoints.read(database, "gaps") == {"through": 2}
    assert checkpoints.read(database, "backfill") == {"cursor": "cus_1", "counts": {"Škoda": 2}}
    assert row(database, BillingCheckpoint, name="gaps").updated_at > before


def test_cleared_name_is_forgotten_alone(database: Database) -> None:
    checkpoints.write(database, "gaps", {})
    checkpoints.write(database, "backfill", {})
    checkpoints.clear(database, "gaps")
    assert (checkpoints.read(database, "gaps"), checkpoints.read(database, "backfill")) == (None, {})


def test_writers_of_a_new_name_at_once_leave_one_row(database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: checkpoints.write(database, "gaps", {"writer": number}), range(20)))
    assert count(database, BillingCheckpoint) == 1


def test_database_that_is_away_is_named(away_url: str) -> None:
    away = open_database(away_url)
    with pytest.raises(DatabaseUnavailable):
        checkpoints.write(away, "gaps", {})
