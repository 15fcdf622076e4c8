"""Each command on a whole account: fake Stripe's, or a real one in test mode if STRIPE_SECRET_KEY is its key.

Only what Stripe's API tells is compared, so that both are asked the same. On a real account every run leaves a few test
customers and one price behind.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from billing_core.commands import Command, CommandStatus
from billing_core.commands.payment_truth import client_secret
from billing_core.database import Database
from billing_core.guard import look_up
from billing_core.kinds import INVOICE, PAYMENT_METHOD, REFUND, SUBSCRIPTION, Kind
from config.settings import STRIPE_API
from tests.billing_core.test_commands.desk import Account, Desk, account_api
from tests.fake_stripe import FakeStripe

KEY = os.environ.get("STRIPE_SECRET_KEY", "")
REAL = KEY.startswith(("sk_test_", "rk_test_")) and FakeStripe.api_key != KEY

LOOKUP_KEY = "billing_tests_monthly_aud"

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)] if REAL else []


@dataclass(frozen=True)
class RealAccount:
    """A test account at Stripe."""

    api_key: str
    url: str
    price: str = ""


@pytest.fixture
def account() -> Iterator[Account]:
    if REAL:
        yield with_price(RealAccount(KEY, STRIPE_API))
        return
    with FakeStripe(seed=5, start=time.time(), strict=True) as fake:
        yield fake
        assert fake.spec_violations == []


def with_price(account: RealAccount) -> RealAccount:
    """Find the tests' price, 10 AUD a month, or create it."""
    stripe = account_api(account)
    found = stripe.fetch("/v1/prices", lookup_keys=[LOOKUP_KEY]).obj["data"]
    wanted = {
        "currency": "aud",
        "unit_amount": 1000,
        "recurring": {"interval": "month"},
        "product_data": {"name": "Monthly, of the billing service's tests"},
        "lookup_key": LOOKUP_KEY,
    }
    price = found[0] if found else stripe.write("post", "/v1/prices", wanted, idempotency_key=LOOKUP_KEY).obj
    return RealAccount(account.api_key, account.url, price["id"])


@pytest.fixture
def desk(any_database: Database, account: Account) -> Desk:
    # A user of its own: under a known user's key Stripe would answer with an earlier run's customer.
    return Desk(any_database, account, user=time.time_ns() % 2_000_000_000)


def created(desk: Desk) -> dict[str, str]:
    command = desk.create()
    assert (command.status, command.error) == (CommandStatus.SUCCEEDED, None)
    assert command.result
    return command.result


def assert_row_equals_stripe(desk: Desk, kind: Kind, stripe_id: str) -> None:
    assert look_up(desk.database, kind, stripe_id).record == kind.read(desk.stripe.fetch(f"{kind.path}{stripe_id}").obj)


def error_of(command: Command) -> tuple[object, object]:
    return (command.error or {}).get("decline_code"), (command.error or {}).get("next_step")


def test_created_subscription_is_paid_and_our_rows_equal_stripes_objects(desk: Desk) -> None:
    result = created(desk)
    subscription = desk.stripe.fetch(f"/v1/subscriptions/{result['stripe_subscription_id']}").obj
    assert (subscription["status"], subscription["customer"]) == ("active", result["stripe_customer_id"])
    assert_row_equals_stripe(desk, SUBSCRIPTION, subscription["id"])
    assert_row_equals_stripe(desk, INVOICE, result["stripe_invoice_id"])
    assert_row_equals_stripe(desk, PAYMENT_METHOD, subscription["default_payment_method"])


def test_declined_card_is_a_result(desk: Desk) -> None:
    command = desk.create(payment_method_id="pm_card_chargeCustomerFail")
    assert command.status is CommandStatus.DECLINED
    assert error_of(command) == ("generic_decline", "use_another_payment_method")


def test_card_that_asks_for_its_owner_leaves_a_secret_to_go_on_with(desk: Desk) -> None:
    command = desk.create(payment_method_id="pm_card_authenticationRequired")
    assert command.result
    assert (command.result["status"], command.result["next_step"]) == ("incomplete", "authenticate")
    secret = client_secret(desk.stripe, command.result["stripe_subscription_id"])
    assert secret
    assert secret.startswith("pi_")
    assert "_secret_" in secret


def test_wrong_price_is_refused_with_its_parameter(desk: Desk) -> None:
    command = desk.create(price_id="price_that_is_not_there")
    assert command.status is CommandStatus.REFUSED
    assert command.error
    assert command.error["code"] == "resource_missing"
    assert "price" in command.error["param"]


def test_changed_quantity_is_invoiced_once(desk: Desk) -> None:
    result = created(desk)
    change = {"quantity": 3, "proration": "always_invoice"}
    command = desk.do("update_subscription", subscription_id=result["subscription_id"], **change)
    assert (command.status, command.error) == (CommandStatus.SUCCEEDED, None)
    subscription = desk.stripe.fetch(f"/v1/subscriptions/{result['stripe_subscription_id']}").obj
    assert subscription["items"]["data"][0]["quantity"] == 3
    invoices = desk.stripe.fetch("/v1/invoices", subscription=subscription["id"]).obj["data"]
    assert sorted(invoice["amount_paid"] for invoice in invoices) == [1000, 2000]
    assert_row_equals_stripe(desk, SUBSCRIPTION, subscription["id"])


def test_pause_and_resume_leave_the_subscription_as_it_was(desk: Desk) -> None:
    own_id = created(desk)["subscription_id"]
    paused = desk.do("update_subscription", subscription_id=own_id, pause="void")
    assert (paused.status, paused.error) == (CommandStatus.SUCCEEDED, None)
    resumed = desk.do("update_subscription", subscription_id=own_id, resume=True)
    assert resumed.result
    subscription = desk.stripe.fetch(f"/v1/subscriptions/{resumed.result['stripe_subscription_id']}").obj
    assert (subscription["status"], subscription["pause_collection"]) == ("active", None)


def test_end_at_the_periods_end_can_be_taken_back(desk: Desk) -> None:
    own_id = created(desk)["subscription_id"]
    ending = desk.do("cancel_subscription", subscription_id=own_id, when="period_end")
    staying = desk.do("update_subscription", subscription_id=own_id, cancel_at_period_end=False)
    assert ending.status is staying.status is CommandStatus.SUCCEEDED
    assert staying.result
    subscription = desk.stripe.fetch(f"/v1/subscriptions/{staying.result['stripe_subscription_id']}").obj
    assert (subscription["status"], subscription["cancel_at_period_end"]) == ("active", False)


def test_canceled_subscription_gives_the_last_payment_back(desk: Desk) -> None:
    result = created(desk)
    command = desk.do("cancel_subscription", subscription_id=result["subscription_id"], refund="last_invoice")
    assert (command.status, command.error) == (CommandStatus.SUCCEEDED, None)
    assert command.result
    refund = desk.stripe.fetch(f"/v1/refunds/{command.result['refund']['stripe_refund_id']}").obj
    assert (refund["amount"], refund["currency"], refund["status"]) == (1000, "aud", "succeeded")
    assert_row_equals_stripe(desk, SUBSCRIPTION, result["stripe_subscription_id"])


def test_refund_is_for_the_amount_asked_and_never_for_more_than_is_left(desk: Desk) -> None:
    invoice = created(desk)["stripe_invoice_id"]
    part = desk.do("refund_invoice", invoice_id=invoice, amount=400)
    rest = desk.do("refund_invoice", invoice_id=invoice)
    again = desk.do("refund_invoice", invoice_id=invoice)
    assert [command.status for command in (part, rest, again)] == [
        CommandStatus.SUCCEEDED,
        CommandStatus.SUCCEEDED,
        CommandStatus.REFUSED,
    ]
    assert part.result
    assert rest.result
    assert [part.result["amount"], rest.result["amount"]] == [400, 600]
    assert look_up(desk.database, REFUND, rest.result["stripe_refund_id"]).own_id == rest.result["refund_id"]


def test_same_key_is_the_same_subscription(desk: Desk) -> None:
    """What everything stands on, asked of Stripe itself."""
    customer = created(desk)["stripe_customer_id"]
    wanted = {"customer": customer, "items": [{"price": desk.account.price}], "trial_period_days": 7}
    key = f"test-{time.time_ns()}"
    first, second = (desk.stripe.write("post", "/v1/subscriptions", wanted, idempotency_key=key) for _ in range(2))
    assert (first.replayed, second.replayed) == (False, True)
    assert first.obj["id"] == second.obj["id"]
