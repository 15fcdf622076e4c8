"""The checks themselves: what they must complain about."""

from typing import Any

import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import subscription
from tests.fake_stripe.forms import flatten, unflatten
from tests.fake_stripe.openapi import answer_violations, object_violations, request_violations


def test_true_objects_pass() -> None:
    assert object_violations(subscription(FakeStripe())) == []


@pytest.mark.parametrize(
    "damage", [{"current_period_end": 1}, {"status": "asleep"}, {"customer": 5}, {"items": None}, {"created": "now"}]
)
def test_damaged_objects_do_not(damage: dict[str, object]) -> None:
    assert object_violations(subscription(FakeStripe()) | damage) != []


def test_object_without_a_required_field_does_not() -> None:
    sub = subscription(FakeStripe())
    del sub["billing_cycle_anchor"]
    assert "billing_cycle_anchor" in object_violations(sub)[0]


def test_form_strings_are_read_with_their_schemas_types() -> None:
    pairs = [
        ("customer", "cus_1"),
        ("items[0][price]", "price_1"),
        ("items[0][quantity]", "2"),
        ("trial_end", "now"),
        ("cancel_at_period_end", "true"),
        ("metadata[user]", "7"),
        ("expand[]", "latest_invoice"),
    ]
    assert request_violations("POST", "/v1/subscriptions", unflatten(pairs)) == []


@pytest.mark.parametrize(
    "params",
    [
        {"items": [{"price": "p", "quantity": "two"}]},
        {"unicorn": "1"},
        {"payment_behavior": "hope"},
        {"metadata": {"deep": {"er": "1"}}},
    ],
)
def test_wrong_parameters_are_found(params: dict[str, object]) -> None:
    assert request_violations("POST", "/v1/subscriptions", params) != []


def test_query_parameters_are_checked() -> None:
    assert request_violations("GET", "/v1/events", {"created": {"gte": "12"}, "types": ["invoice.paid"]}) == []
    assert request_violations("GET", "/v1/events", {"createdd": "12"}) != []


def test_unknown_path_is_a_violation() -> None:
    assert request_violations("GET", "/v1/unicorns", {}) == ["GET /v1/unicorns is not in the specification"]


def test_error_answers_are_checked() -> None:
    assert answer_violations("GET", "/v1/account", 400, {"error": {"message": "no"}}) != []


def test_flattening_is_undone_by_unflattening() -> None:
    nested = {"a": {"b": ["1", "2"]}, "c": [{"d": "x"}, {"d": "y"}]}
    assert unflatten(flatten(nested)) == nested


def test_strict_account_refuses_what_the_specification_does_not_know() -> None:
    unknown: Any = {"unicorn": 1}
    with FakeStripe(strict=True) as fake:
        http = stripe.RequestsClient()
        client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.url}, http_client=http)
        client.v1.customers.create({"email": "one@example.com"})
        with pytest.raises(stripe.InvalidRequestError, match="unicorn"):
            client.v1.customers.create(unknown)
        http.close()  # type: ignore[no-untyped-call]  # stripe leaves it untyped
    assert len(fake.customers) == 1
