"""`billing gaps`: what Stripe has and we lack, told and accepted."""

from collections.abc import Iterator

import pytest

from billing_core.gaps import last_run
from tests.billing_core.cli.operator import Operation, billing
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.stores import outcomes


@pytest.fixture
def fake(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    """An account with two customers of a minute ago, of whom nobody told us."""
    with FakeStripe(rate=0) as fake:
        monkeypatch.setenv("STRIPE_SECRET_KEY", fake.api_key)
        monkeypatch.setenv("STRIPE_API_BASE", fake.url)
        for user in ("1", "2"):
            call(fake, "POST", "/v1/customers", metadata={"user_id": user})
        fake.clock.advance(minutes=1)
        yield fake


def ids(fake: FakeStripe) -> set[str]:
    return {event["id"] for event in fake.events}


def test_what_is_missing_is_told_by_type_and_accepted(operation: Operation, fake: FakeStripe) -> None:
    answer = billing("gaps")
    assert answer.code == 0
    assert [line.split() for line in answer.lines[:2]] == [["type", "missing"], ["customer.created", "2"]]
    assert answer.lines[2].endswith("UTC: 2 missing, all accepted")
    assert set(operation.queued()) == ids(fake)
    operation.work()
    assert outcomes(operation.here.database) == dict.fromkeys(ids(fake), "applied")
    answer = billing("gaps")
    assert answer.code == 0
    assert answer.lines[0].endswith("UTC: 0 missing")


def test_dry_run_changes_nothing_and_exits_1_if_something_is_missing(operation: Operation, fake: FakeStripe) -> None:
    answer = billing("gaps", "--dry-run", "--json")
    assert answer.code == 1
    told = answer.json()
    assert set(told.pop("event_ids")) == ids(fake)
    assert told.pop("begin") < told.pop("end")
    assert told == {"missing": {"customer.created": 2}, "accepted": False, "behind": False}
    assert operation.queued() == []
    assert last_run(operation.here.database) is None
    billing("gaps")
    assert billing("gaps", "--dry-run").code == 0


def test_event_that_may_be_on_its_way_is_told_as_such(fake: FakeStripe) -> None:
    call(fake, "POST", "/v1/customers")
    answer = billing("gaps")
    assert answer.lines[-1] == "1 of them so young that they may be on their way"


def test_since_looks_back_beyond_the_checkpoint(operation: Operation, fake: FakeStripe) -> None:
    fake.clock.advance(days=2)
    assert billing("gaps").lines[0].endswith("UTC: 0 missing")
    assert billing("gaps", "--since", "47h").lines[0].endswith("UTC: 0 missing")
    answer = billing("gaps", "--since", "3d", "--json")
    assert (answer.code, answer.json()["accepted"]) == (0, True)
    assert set(operation.queued()) == ids(fake)


@pytest.mark.parametrize("since", ["31d", "721h", "yesterday", "1w", ""])
def test_age_beyond_what_stripe_keeps_is_wrong_usage(fake: FakeStripe, since: str) -> None:
    answer = billing("gaps", "--since", since)
    assert answer.code == 2
    assert fake.request_log == []


def test_time_that_stripe_has_forgotten_needs_a_backfill(fake: FakeStripe) -> None:
    billing("gaps")
    fake.clock.advance(days=40)
    answer = billing("gaps", "--dry-run", "--json")
    assert (answer.code, answer.json()["behind"]) == (1, True)
    answer = billing("gaps")
    assert answer.code == 1
    assert answer.err.startswith("Stripe has no events any more from ")
    assert answer.err.endswith("UTC: run `billing backfill`\n")


def test_without_a_key_the_command_says_what_to_set(fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY")
    answer = billing("gaps")
    assert (answer.code, answer.err) == (1, "GET /v1/events: STRIPE_SECRET_KEY is not set\n")
