"""Our endpoint at Stripe: registered once with exactly our types, and every difference found."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from billing_core import webhook_endpoint
from billing_core.errors import StripeRefused, StripeUnavailable
from billing_core.event_types import EVENT_TYPES
from billing_core.finding import Finding, Level
from billing_core.stripe_api import API_VERSION, StripeApi
from billing_core.webhook_endpoint import EndpointExists
from tests.fake_stripe import FakeStripe
from tests.needed_rights import NEEDED

URL = "https://billing.example.com/webhooks/stripe"
OURS = [event_type.name for event_type in EVENT_TYPES]


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def stripe(fake: FakeStripe) -> StripeApi:
    return StripeApi(SecretStr(fake.restrict(NEEDED)), fake.url, timeout=10, max_retries=0)


def wrong(stripe: StripeApi) -> list[tuple[str, Level, str]]:
    """Return what a check finds fault with."""
    findings = webhook_endpoint.check(stripe, URL)
    assert all(finding.do for finding in findings if finding.level is not Level.OK)
    return [(one.check, one.level, one.found) for one in findings if one.level is not Level.OK]


def test_new_endpoint_is_as_we_need_it(fake: FakeStripe, stripe: StripeApi) -> None:
    created = webhook_endpoint.create(stripe, URL)
    (endpoint,) = fake.state["webhook_endpoint"].values()
    assert endpoint["id"] == created.endpoint_id
    assert (endpoint["url"], endpoint["api_version"], endpoint["enabled_events"]) == (URL, API_VERSION, OURS)
    assert created.secret.startswith("whsec_")
    assert wrong(stripe) == []
    assert fake.spec_violations == []


def test_secret_is_not_in_the_repr(stripe: StripeApi) -> None:
    created = webhook_endpoint.create(stripe, URL)
    assert repr(created) == f"Created({created.endpoint_id})"


def test_second_endpoint_with_our_url_is_not_made(fake: FakeStripe, stripe: StripeApi) -> None:
    first = webhook_endpoint.create(stripe, URL)
    with pytest.raises(EndpointExists, match=f"^{first.endpoint_id} is registered for {URL} already"):
        webhook_endpoint.create(stripe, URL)
    assert len(fake.state["webhook_endpoint"]) == 1


def test_endpoint_of_another_url_does_not_count(fake: FakeStripe, stripe: StripeApi) -> None:
    fake.add_endpoint(f"{URL}/other")
    assert wrong(stripe) == [("endpoint", Level.FAIL, f"none is registered for {URL}")]
    webhook_endpoint.create(stripe, URL)


def test_answer_that_was_lost_is_asked_for_again_and_makes_one_endpoint(fake: FakeStripe) -> None:
    fake.faults.add(status=503, times=1, method="POST", path="/v1/webhook_endpoints")
    stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=10, max_retries=1)
    webhook_endpoint.create(stripe, URL)
    assert len(fake.state["webhook_endpoint"]) == 1


def test_too_many_endpoints_are_refused(fake: FakeStripe, stripe: StripeApi) -> None:
    for number in range(16):
        fake.add_endpoint(f"https://example.com/{number}")
    with pytest.raises(StripeRefused):
        webhook_endpoint.create(stripe, URL)


def registered(fake: FakeStripe, **changes: object) -> str:
    options = {"events": OURS, "api_version": API_VERSION} | changes
    endpoint_id: str = fake.add_endpoint(URL, **options)["id"]
    return endpoint_id


def test_disabled_endpoint_is_found(fake: FakeStripe, stripe: StripeApi) -> None:
    endpoint = registered(fake)
    stripe.write("post", f"/v1/webhook_endpoints/{endpoint}", {"disabled": True}, idempotency_key="k")
    assert wrong(stripe) == [("endpoint", Level.FAIL, f"{endpoint} is disabled: nothing is delivered")]


@pytest.mark.parametrize(("version", "named"), [("2024-06-20", "2024-06-20"), (None, "the account default")])
def test_other_version_is_found(fake: FakeStripe, stripe: StripeApi, version: str | None, named: str) -> None:
    endpoint = registered(fake, api_version=version)
    expected = f"{endpoint} has {named}, we were built with {API_VERSION}"
    assert wrong(stripe) == [("endpoint's API version", Level.WARN, expected)]


def test_missing_types_are_found(fake: FakeStripe, stripe: StripeApi) -> None:
    endpoint = registered(fake, events=[one for one in OURS if not one.startswith("invoice.p")])
    expected = f"{endpoint} lacks {', '.join(one for one in OURS if one.startswith('invoice.p'))}"
    assert wrong(stripe) == [("endpoint's event types", Level.FAIL, expected)]


def test_extra_types_are_found(fake: FakeStripe, stripe: StripeApi) -> None:
    endpoint = registered(fake, events=[*OURS, "payout.paid"])
    assert wrong(stripe) == [("endpoint's event types", Level.WARN, f"{endpoint} also sends payout.paid")]


def test_endpoint_for_everything_lacks_nothing(fake: FakeStripe, stripe: StripeApi) -> None:
    endpoint = registered(fake, events=["*"])
    assert wrong(stripe) == [("endpoint's event types", Level.WARN, f"{endpoint} also sends *")]


def test_two_endpoints_for_our_url_are_found(fake: FakeStripe, stripe: StripeApi) -> None:
    first, second = registered(fake), registered(fake)
    assert wrong(stripe) == [("endpoint", Level.WARN, f"{second}, {first}: each event is sent 2 times")]


def test_silence_of_stripe_is_no_finding(fake: FakeStripe, stripe: StripeApi) -> None:
    fake.faults.down = True
    with pytest.raises(StripeUnavailable):
        webhook_endpoint.check(stripe, URL)


def test_good_endpoint_is_told_in_full(fake: FakeStripe, stripe: StripeApi) -> None:
    endpoint = registered(fake)
    assert webhook_endpoint.check(stripe, URL) == [
        Finding("endpoint", Level.OK, f"{endpoint} is enabled"),
        Finding("endpoint's API version", Level.OK, API_VERSION),
        Finding("endpoint's event types", Level.OK, f"all {len(OURS)} and no others"),
    ]
