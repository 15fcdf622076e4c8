from typing import Any

import pytest

from billing_core.commands import InvalidArguments
from billing_core.commands.arguments import CreateSubscription, holds_card_number, read_arguments

CREATE = {"user_id": 7, "payment_method_id": "pm_1"}


def problems(name: str, **arguments: Any) -> list[str]:
    with pytest.raises(InvalidArguments) as refused:
        read_arguments(name, arguments)
    return refused.value.problems


def test_arguments_are_completed_with_defaults() -> None:
    arguments = read_arguments("create_subscription", CREATE)
    assert arguments == CreateSubscription(user_id=7, payment_method_id="pm_1")
    assert arguments.model_dump()["quantity"] == 1


def test_own_id_in_digits_is_a_number() -> None:
    assert read_arguments("cancel_subscription", {"subscription_id": "12"}).model_dump()["subscription_id"] == 12


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("create_subscription", {"user_id": 7}, "payment_method_id"),
        ("create_subscription", CREATE | {"user_id": "7"}, "user_id"),
        ("create_subscription", CREATE | {"user_id": True}, "user_id"),
        ("create_subscription", CREATE | {"user_id": 2**31}, "user_id"),
        ("create_subscription", CREATE | {"quantity": 0}, "quantity"),
        ("create_subscription", CREATE | {"payment_method_id": "pm_1/../../customers"}, "payment_method_id"),
        ("create_subscription", CREATE | {"payment_method_id": "4242424242424242"}, "payment_method_id"),
        ("create_subscription", CREATE | {"coupon": "A", "promotion_code": "promo_1"}, "coupon and promotion_code"),
        ("create_subscription", CREATE | {"metadata": {"user_id": "8"}}, "metadata"),
        ("create_subscription", CREATE | {"metadata": {"billing_x": "8"}}, "metadata"),
        ("create_subscription", CREATE | {"metadata": {"note": "card 4242 4242 4242 4242"}}, "metadata"),
        ("create_subscription", CREATE | {"metadata": {"a": 1}}, "metadata"),
        ("update_subscription", {"subscription_id": 1}, "nothing is to be changed"),
        ("update_subscription", {"subscription_id": 1, "resume": False}, "nothing is to be changed"),
        ("update_subscription", {"subscription_id": 1, "pause": "void", "resume": True}, "pause and resume"),
        ("update_subscription", {"subscription_id": 1, "pause": "void", "proration": "none"}, "proration"),
        ("update_subscription", {"subscription_id": "in_1", "quantity": 2}, "subscription_id"),
        ("cancel_subscription", {"subscription_id": 1, "when": "later"}, "when"),
        ("cancel_subscription", {"subscription_id": 1, "when": "period_end", "refund": "last_invoice"}, "refund"),
        ("refund_invoice", {"invoice_id": "in_1", "amount": 0}, "amount"),
        ("refund_invoice", {"invoice_id": "in_1", "amount": 1.5}, "amount"),
        ("refund_invoice", {"invoice_id": "in_1", "reason": "because"}, "reason"),
    ],
)
def test_wrong_argument_is_named(name: str, arguments: dict[str, Any], field: str) -> None:
    found = problems(name, **arguments)
    assert all(problem.startswith(field) for problem in found)


def test_cancellation_at_period_end_can_be_taken_back() -> None:
    taken_back = read_arguments("update_subscription", {"subscription_id": 1, "cancel_at_period_end": False})
    assert taken_back.model_dump()["cancel_at_period_end"] is False


def test_every_problem_is_named_and_no_value_repeated() -> None:
    found = problems("create_subscription", user_id="4242424242424242", payment_method_id="jenny@example.com")
    assert len(found) == 2
    assert "4242" not in str(found)
    assert "jenny" not in str(found)


def test_unknown_field_is_refused_without_repeating_its_name() -> None:
    assert problems("refund_invoice", invoice_id=1, **{"4242424242424242": "x"}) == [
        "a field that this command does not have"
    ]


def test_unknown_command_is_refused() -> None:
    assert "there is no command of this name" in problems("pay_out")[0]


@pytest.mark.parametrize(
    "text", ["4242424242424242", "4242-4242-4242-4242", "no. 378282246310005!", "3056930009020004"]
)
def test_card_number_is_recognised(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize("text", ["4242424242424241", "12345", "2026-11-23 04:11", "order 20261123041101000007"])
def test_other_number_is_no_card(text: str) -> None:
    assert not holds_card_number(text)
