"""Whatever happens on the way, the command is done once: lost answers, dead workers, races, outages, forgotten keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.commands import CommandStatus
from billing_core.commands.claim import UnknownCommand, stalled
from billing_core.commands.command import Command
from billing_core.commands.execute import Postponed
from billing_core.commands.keys import command_of, customer_key, step_key
from billing_core.commands.work import Work
from billing_core.database import Database
from billing_core.models import BillingCommand, Invoice, Refund, Subscription
from billing_core.models.declarative import utc_now
from billing_core.process import Processor
from tests.billing_core.test_commands.desk import USER, Desk
from tests.building import fact_from
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.stores import count, row

DAY = timedelta(hours=25)


def created(desk: Desk) -> Command:
    return desk.submit("create_subscription", user_id=USER, payment_method_id="pm_card_visa")


def postponed(desk: Desk, command: Command) -> None:
    with pytest.raises(Postponed):
        desk.executor.run(command.command_id)


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/payment_methods/*/attach", "/v1/subscriptions"])
def test_lost_answer_is_asked_for_again_with_the_same_key(desk: Desk, fake: FakeStripe, path: str) -> None:
    fake.faults.add(method="POST", path=path, drop=True)
    command = created(desk)
    postponed(desk, command)
    waiting = desk.found(command)
    assert (waiting.status, waiting.attempts) == (CommandStatus.PENDING, 1)
    assert waiting.error
    assert waiting.error["code"] == "not_done_yet"
    assert desk.run(command).status is CommandStatus.SUCCEEDED
    assert [len(table) for table in (fake.customers, fake.payment_methods, fake.subscriptions, fake.invoices)] == [
        1
    ] * 4
    assert desk.found(command).error is None
    assert count(desk.database, Subscription) == count(desk.database, Invoice) == 1


def test_error_of_stripes_is_no_outcome(any_desk: Desk, fake: FakeStripe) -> None:
    fake.faults.add(method="POST", path="/v1/subscriptions", status=503, times=2)
    command = created(any_desk)
    postponed(any_desk, command)
    postponed(any_desk, command)
    assert any_desk.run(command).status is CommandStatus.SUCCEEDED
    assert any_desk.found(command).attempts == 3
    assert len(fake.subscriptions) == 1


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/subscriptions"])
def test_error_that_stripe_repeats_under_the_key_does_not_hide_what_it_did(
    any_desk: Desk, fake: FakeStripe, path: str
) -> None:
    fake.clock.advance(hours=25)  # to our own day, by which the look-up goes
    fake.faults.add(method="POST", path=path, status=500, executed=True)
    command = created(any_desk)
    postponed(any_desk, command)
    assert any_desk.run(command).status is CommandStatus.SUCCEEDED
    assert len(fake.customers) == len(fake.subscriptions) == count(any_desk.database, Subscription) == 1


def test_error_that_stripe_repeats_is_no_proof_that_it_did_nothing(any_desk: Desk, fake: FakeStripe) -> None:
    fake.faults.add(method="POST", path="/v1/subscriptions", status=500)
    command = created(any_desk)
    postponed(any_desk, command)
    postponed(any_desk, command)
    assert len(fake.subscriptions) == 0


def test_rate_limit_is_waited_for(any_desk: Desk, fake: FakeStripe) -> None:
    any_desk.executor = any_desk.executor_with(longest_wait=20)
    fake.faults.add(method="POST", path="/v1/customers", status=429, retry_after=7)
    command = created(any_desk)
    with pytest.raises(Postponed) as waits:
        any_desk.executor.run(command.command_id)
    assert 7 <= waits.value.seconds <= 7.2
    due = any_desk.row(command).due_at - any_desk.row(command).updated_at
    assert timedelta(seconds=6.9) < due < timedelta(seconds=7.3)


def test_parameters_stay_those_of_the_first_attempt(any_desk: Desk, fake: FakeStripe) -> None:
    """Stripe refuses a key that comes with other parameters; the default price may change between two attempts."""
    fake.faults.add(method="POST", path="/v1/subscriptions", drop=True)
    command = created(any_desk)
    postponed(any_desk, command)
    any_desk.executor = any_desk.executor_with(default_price="price_of_tomorrow")
    assert any_desk.run(command).status is CommandStatus.SUCCEEDED


def test_replayed_answer_does_not_overwrite_what_happened_since(any_desk: Desk, fake: FakeStripe) -> None:
    fake.faults.add(method="POST", path="/v1/subscriptions", drop=True)
    command = created(any_desk)
    postponed(any_desk, command)
    [sub] = fake.subscriptions
    call(fake, "DELETE", f"/v1/subscriptions/{sub}")
    assert any_desk.run(command).status is CommandStatus.SUCCEEDED
    assert row(any_desk.database, Subscription).status == "canceled"


def test_finished_command_is_not_run_again(any_desk: Desk, fake: FakeStripe) -> None:
    command = any_desk.create()
    asked = len(fake.request_log)
    assert any_desk.executor.run(command.command_id) is CommandStatus.SUCCEEDED
    assert len(fake.request_log) == asked


def test_command_in_another_workers_hands_is_left_there(any_desk: Desk, fake: FakeStripe) -> None:
    command = created(any_desk)
    lease(any_desk.database, timedelta(seconds=5))
    assert any_desk.executor.run(command.command_id) is CommandStatus.RUNNING
    assert fake.request_log == []


def test_command_of_a_dead_worker_is_taken_over(any_desk: Desk) -> None:
    command = created(any_desk)
    lease(any_desk.database, timedelta(seconds=-1))
    assert any_desk.executor.run(command.command_id) is CommandStatus.SUCCEEDED


def lease(database: Database, ahead: timedelta) -> None:
    moment = utc_now() + ahead
    with database.write() as session:
        session.execute(sa.update(BillingCommand).values(status="running", leased_until=moment, due_at=moment))


def test_worker_that_lost_its_lease_writes_nothing(
    desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was so slow that another worker took over and finished, while Stripe's answer was on its way."""
    command = created(desk)
    slow = Work.call

    def overtaken(work: Work, step: str, *rest: Any) -> Any:
        answer = slow(work, step, *rest)
        if step == "subscription":
            monkeypatch.setattr(Work, "call", slow)
            with desk.database.write() as session:
                session.execute(sa.update(BillingCommand).values(leased_until=None))
            assert desk.executor.run(command.command_id) is CommandStatus.SUCCEEDED
        return answer

    monkeypatch.setattr(Work, "call", overtaken)
    assert desk.executor.run(command.command_id) is CommandStatus.RUNNING
    done = desk.found(command)
    assert (done.status, done.attempts) == (CommandStatus.SUCCEEDED, 2)
    assert len(fake.subscriptions) == count(desk.database, Subscription) == 1


def test_webhooks_may_be_faster_than_the_command(desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of what we have just done are applied before its answer is."""
    original = Work.call

    def after_webhooks(work: Work, step: str, *rest: Any) -> Any:
        answer = original(work, step, *rest)
        if step == "subscription":
            events = fake.events_of("customer.subscription.created", "customer.subscription.updated", "invoice.paid")
            facts = [fact_from(fake.body(event)) for event in events]
            Processor(desk.database, desk.stripe).process(facts)
        return answer

    monkeypatch.setattr(Work, "call", after_webhooks)
    assert desk.create().status is CommandStatus.SUCCEEDED
    held, paid = row(desk.database, Subscription), row(desk.database, Invoice)
    assert (held.status, paid.status, paid.subscription_id) == ("active", "paid", held.subscription_id)


def test_first_subscriptions_of_one_user_at_the_same_time_make_one_customer(desk: Desk, fake: FakeStripe) -> None:
    commands = desk.do_all([created(desk) for _ in range(50)])
    assert {command.status for command in commands} == {CommandStatus.SUCCEEDED}
    assert len(fake.customers) == 1
    assert len(fake.subscriptions) == count(desk.database, Subscription) == 50


def test_subscription_that_somebody_else_ends_at_the_same_moment_is_canceled(
    any_desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe does not find a subscription to end that has ended, which is what its answer to a lost DELETE is, too."""
    own_id = any_desk.create().subscription_id
    original = Work.call

    def too_late(work: Work, step: str, *rest: Any) -> Any:
        [sub] = fake.subscriptions
        call(fake, "DELETE", f"/v1/subscriptions/{sub}")
        return original(work, step, *rest)

    monkeypatch.setattr(Work, "call", too_late)
    assert any_desk.do("cancel_subscription", subscription_id=own_id).status is CommandStatus.SUCCEEDED
    assert row(any_desk.database, Subscription).status == "canceled"


def act_create(desk: Desk) -> Command:
    return created(desk)


def act_refund(desk: Desk) -> Command:
    return desk.submit("refund_invoice", invoice_id=desk.create().invoice_id)


def act_cancel(desk: Desk) -> Command:
    return desk.submit("cancel_subscription", subscription_id=desk.create().subscription_id)


def act_update(desk: Desk) -> Command:
    return desk.submit("update_subscription", subscription_id=desk.create().subscription_id, quantity=2)


LONG_AGO = [
    (act_create, "POST", "/v1/customers"),
    (act_create, "POST", "/v1/subscriptions"),
    (act_refund, "POST", "/v1/refunds"),
    (act_cancel, "DELETE", "/v1/subscriptions/*"),
    (act_update, "POST", "/v1/subscriptions/*"),
]


@pytest.mark.parametrize(("act", "method", "path"), LONG_AGO)
def test_after_stripe_forgot_the_key_what_was_done_is_found_by_its_metadata(
    any_desk: Desk, fake: FakeStripe, act: Callable[[Desk], Command], method: str, path: str
) -> None:
    command = act(any_desk)
    fake.faults.add(method=method, path=path, drop=True)
    postponed(any_desk, command)
    any_desk.age(command, DAY)
    fake.clock.advance(hours=25)
    before = [len(table) for table in (fake.customers, fake.subscriptions, fake.refunds)]
    assert any_desk.run(command).status is CommandStatus.SUCCEEDED
    after = [len(table) for table in (fake.customers, fake.subscriptions, fake.refunds)]
    assert after == [before[0], max(before[1], 1), before[2]]
    assert len(fake.refunds) == count(any_desk.database, Refund)
    assert fake.spec_violations == []


@pytest.mark.parametrize(("act", "method", "path"), LONG_AGO)
def test_what_was_not_done_for_a_day_is_not_done_any_more(
    any_desk: Desk, fake: FakeStripe, act: Callable[[Desk], Command], method: str, path: str
) -> None:
    command = act(any_desk)
    fake.faults.add(method=method, path=path, status=503)
    postponed(any_desk, command)
    any_desk.age(command, DAY)
    fake.clock.advance(hours=25)
    failed = any_desk.run(command)
    assert failed.status is CommandStatus.FAILED
    assert failed.error
    assert (failed.error["code"], failed.error["next_step"]) == ("not_done", "submit_again")


def test_error_of_ours_ends_the_command_and_tells_only_its_name(
    any_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("jenny@example.com")

    monkeypatch.setattr("billing_core.commands.execute.create_subscription", broken)
    failed = any_desk.create()
    assert failed.status is CommandStatus.FAILED
    assert failed.error
    assert (failed.error["code"], failed.error["message"]) == ("internal_error", "An error of ours: LookupError.")


def test_question_that_stripe_refuses_after_it_acted_is_no_refusal_of_the_command(
    any_desk: Desk, fake: FakeStripe
) -> None:
    fake.faults.add(method="GET", path="/v1/invoices/*", status=400)
    failed = any_desk.create()
    assert failed.status is CommandStatus.FAILED


def test_command_that_nobody_takes_up_is_queued_again_once_in_a_stall_time(desk: Desk) -> None:
    command = created(desk)
    assert stalled(desk.database, 60) == []
    assert stalled(desk.database, -1) == [command.command_id]
    assert stalled(desk.database, 60) == []
    desk.run(command)
    assert stalled(desk.database, -1) == []


def test_command_in_somebodys_hands_is_not_queued_again(desk: Desk) -> None:
    created(desk)
    lease(desk.database, timedelta(minutes=5))
    assert stalled(desk.database, -1000) == []


def test_unknown_command_is_named(any_desk: Desk) -> None:
    with pytest.raises(UnknownCommand, match="cmd_none"):
        any_desk.executor.run("cmd_none")


def test_key_tells_its_command() -> None:
    command_id = "cmd_" + "a" * 24
    assert command_of(step_key(command_id, "refund")) == command_id
    assert command_of(customer_key(7, 0)) is command_of("cmd_short:x") is command_of(None) is None
    assert len({customer_key(7, 0), customer_key(7, 1), customer_key(71, 0)}) == 3
