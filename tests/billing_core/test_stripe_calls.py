import pytest

from billing_core.kinds import KINDS
from billing_core.stripe_calls import endpoint_of


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://api.stripe.com/v1/subscriptions", "/v1/subscriptions"),
        ("https://api.stripe.com/v1/subscriptions?limit=1&customer=cus_1", "/v1/subscriptions"),
        ("http://127.0.0.1:12111/v1/customers/cus_1/payment_methods", "/v1/customers/{id}/payment_methods"),
        ("https://api.stripe.com/v1/payment_methods/pm_1/attach", "/v1/payment_methods/{id}/attach"),
        ("https://api.stripe.com/v1/unheard_of/of", "/v1/{id}/{id}"),
    ],
)
def test_endpoint_is_the_path_without_ids(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint


def test_paths_of_all_kinds_are_known() -> None:
    assert [endpoint_of(f"https://api.stripe.com{kind.path}x_1") for kind in KINDS] == [
        f"{kind.path}{{id}}" for kind in KINDS
    ]
