"""`billing purge`: the one way events leave the audit trail."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.models import BillingEvent
from billing_core.models.declarative import utc_now
from tests.billing_core.cli.operator import Operation, billing
from tests.building import event_body, invoice
from tests.stores import count, outcomes


def handled(operation: Operation, event_id: str, *, days: float, **fields: Any) -> None:
    """Let an event have come so long ago."""
    operation.handle({event_id: event_body(invoice(f"in_{event_id}", **fields), id=event_id)})
    with operation.here.database.write() as session:
        statement = sa.update(BillingEvent).where(BillingEvent.stripe_event_id == event_id)
        session.execute(statement.values(received_at=utc_now() - timedelta(days=days)))


def test_purge_deletes_what_is_settled_and_old_and_nothing_else(operation: Operation) -> None:
    operation.stripe.holds("/v1/customers/cus_9", {"id": "cus_9", "metadata": {}})
    handled(operation, "evt_old", days=400.1)
    handled(operation, "evt_dead", days=500, customer=None)
    handled(operation, "evt_parked", days=500, customer="cus_9")
    handled(operation, "evt_young", days=399)
    answer = billing("purge", "--older-than", "400d", "--yes")
    assert (answer.code, answer.lines) == (0, ["deleted=1"])
    assert outcomes(operation.here.database).keys() == {"evt_dead", "evt_parked", "evt_young"}


def test_purge_as_json_counts_and_names_the_moment(operation: Operation) -> None:
    handled(operation, "evt_old", days=2)
    told = billing("purge", "--older-than", "24h", "--yes", "--json").json()
    assert told["deleted"] == 1
    assert told["received_before"].endswith("+00:00")


@pytest.mark.parametrize(("reply", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("", 1, 1)])
def test_purge_asks_first_beside_its_output(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, reply: str, code: int, left: int
) -> None:
    handled(operation, "evt_old", days=2)
    monkeypatch.setattr("sys.stdin", StringIO(reply))
    answer = billing("purge", "--older-than", "24h")
    assert answer.code == code
    assert answer.err.startswith("Delete events received before ")
    assert count(operation.here.database, BillingEvent) == left


@pytest.mark.parametrize("arguments", [[], ["--older-than", "", "--yes"], ["--older-than", "400"]], ids=" ".join)
def test_purge_of_no_clear_age_is_wrong_usage(arguments: list[str]) -> None:
    answer = billing("purge", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("billing purge: ")
