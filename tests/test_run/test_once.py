"""`make run ARGS=--once` as a script uses it, on a machine where the usual ports are taken."""

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest

from tests.fake_stripe.builders import EIGHT_TYPES
from tests.kinds import ANY, empty_database
from tests.test_run.running import Running, running

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts eight processes slowly


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as holder:
        with contextlib.suppress(OSError):  # somebody else holds it: as good
            holder.bind(("127.0.0.1", port))
            holder.listen()
        yield


@pytest.fixture(scope="module", params=ANY)
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Nothing, for the run's own SQLite, or where another database is."""
    if request.param == "sqlite":
        yield {}
    else:
        with empty_database(request, request.param) as url:
            yield {"DATABASE_URL": url}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Running]:
    with taken(8000), taken(5555), running(tmp_path_factory.mktemp("once"), "--once", settings=settings) as run:
        run.process.wait(240)
        yield run


def test_once_ends_well_with_the_sum_in_the_last_line(done: Running) -> None:
    assert done.process.returncode == 0, done.output
    assert re.fullmatch(r"applied=\d+ event_types=8 lost=0", done.output.splitlines()[-1])


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def test_table_shows_every_event_type_and_the_way_of_the_subscription(done: Running) -> None:
    rows = [cells(line) for line in done.output.splitlines() if " evt_" in line]
    assert {row[2] for row in rows} >= set(EIGHT_TYPES)
    states = dict.fromkeys(row[-1].split()[-1] for row in rows if row[-1].startswith("Subscriptions #"))
    # It is active in the second in which it begins: who comes to its first event later than that never sees it so.
    states.pop("incomplete", None)
    assert list(states) == ["active", "past_due", "canceled"]


def test_rows_at_the_end_are_true(done: Running) -> None:
    rows = [cells(line) for line in done.output.partition("The rows now")[2].splitlines()]
    # Not by number: a database gives none a second time that a transaction lost by a deadlock or a race once had.
    assert sorted((row[0].partition(" #")[0], row[1]) for row in rows if "#" in row[0]) == [
        ("BillingCustomers", "user 1"),
        ("Disputes", "needs_response 1000 AUD"),
        ("InvoicePayments", "paid 1000 AUD"),
        ("InvoicePayments", "paid 1000 AUD"),
        ("Invoices", "paid 1000 AUD"),
        ("Invoices", "paid 1000 AUD"),
        ("PaymentMethods", "mastercard 4444"),
        ("PaymentMethods", "visa 4242 detached"),
        ("Subscriptions", "canceled"),
    ]


def test_once_leaves_no_process(done: Running) -> None:
    assert done.living() == []
