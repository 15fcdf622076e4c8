"""The API's manners: errors, lists, expansion, keys, faults, idempotency."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import stripe

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, eight_types, subscription
from tests.fake_stripe.ids import IdGenerator


@pytest.fixture
def http(fake: FakeStripe) -> Iterator[httpx.Client]:
    """A client that sees status and headers as they are."""
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    with httpx.Client(base_url=fake.url, headers=headers, trust_env=False) as client:
        yield client


def error(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["error"]
    return found


def test_missing_object_is_404_and_missing_reference_400(http: httpx.Client) -> None:
    gone = http.get("/v1/subscriptions/sub_nope")
    assert (gone.status_code, error(gone)["code"]) == (404, "resource_missing")
    assert error(gone)["message"] == "No such subscription: 'sub_nope'"
    wrong = http.post("/v1/subscriptions", data={"customer": "cus_nope", "items[0][price]": "price_nope"})
    assert (wrong.status_code, error(wrong)["param"]) == (400, "customer")


def test_missing_parameter_is_named(http: httpx.Client) -> None:
    answer = http.post("/v1/subscriptions")
    assert (answer.status_code, error(answer)["code"], error(answer)["param"]) == (
        400,
        "parameter_missing",
        "customer",
    )
    assert error(answer)["request_log_url"].endswith(answer.headers["Request-Id"])


def test_integer_that_is_none_is_refused(http: httpx.Client) -> None:
    answer = http.get("/v1/customers", params={"limit": "many"})
    assert error(answer)["code"] == "parameter_invalid_integer"


def test_unknown_url_is_404(http: httpx.Client) -> None:
    assert http.get("/v1/unicorns").status_code == 404


@pytest.mark.parametrize("key", ["Bearer sk_live_1234567890", "Bearer sk_test_revoked", "None"])
def test_bad_key_is_401(fake: FakeStripe, http: httpx.Client, key: str) -> None:
    fake.api.revoked_keys.add("sk_test_revoked")
    answer = http.get("/v1/account", headers={"Authorization": key})
    assert answer.status_code == 401


def test_key_may_come_as_basic_auth(fake: FakeStripe, http: httpx.Client) -> None:
    assert http.get("/v1/account", auth=(fake.api_key, "")).status_code == 200


def test_date_header_is_fake_time(fake: FakeStripe, http: httpx.Client) -> None:
    fake.clock.advance(days=3)
    dates = http.get("/v1/account").headers.get_list("Date")
    assert [parsedate_to_datetime(date).timestamp() for date in dates] == [fake.clock.timestamp()]


def test_lists_page_both_ways(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made = [call(fake, "POST", "/v1/customers")["id"] for _ in range(5)][::-1]
    first = client.v1.customers.list({"limit": 2})
    assert ([one.id for one in first.data], first.has_more) == (made[:2], True)
    second = client.v1.customers.list({"limit": 2, "starting_after": made[1]})
    assert [one.id for one in second.data] == made[2:4]
    back = client.v1.customers.list({"limit": 2, "ending_before": made[4]})
    assert ([one.id for one in back.data], back.has_more) == (made[2:4], True)
    assert [one.id for one in first.auto_paging_iter()] == made


def test_events_are_listed_by_type_time_and_delivery(fake: FakeStripe, client: stripe.StripeClient) -> None:
    eight_types(fake)
    wanted = ["invoice.payment_failed", "charge.dispute.created"]
    listed = client.v1.events.list({"types": wanted})
    assert [event.type for event in listed.data] == wanted[::-1]
    since = listed.data[0].created
    recent = client.v1.events.list({"created": {"gte": since}, "limit": 100})
    assert [one.id for one in recent.data] == [e["id"] for e in fake.events if e["created"] >= since][::-1]
    assert client.v1.events.list({"delivery_success": False}).data == []
    assert {event.type for event in client.v1.events.list({"type": "charge.dispute.*"}).data} == {
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    }


def test_events_page_both_ways_within_a_filter(fake: FakeStripe, client: stripe.StripeClient) -> None:
    eight_types(fake)
    wanted = ["invoice.paid", "invoice.finalized", "invoice.updated", "customer.subscription.updated"]
    since = fake.clock.timestamp() - 20 * 86400
    every = [event["id"] for event in fake.events_of(*wanted) if event["created"] >= since][::-1]
    filters: Any = {"types": wanted, "created": {"gte": since}, "limit": 2}
    first = client.v1.events.list(filters)
    assert ([one.id for one in first.data], first.has_more) == (every[:2], True)
    assert [one.id for one in first.auto_paging_iter()] == every
    back = client.v1.events.list(filters | {"ending_before": every[3]})
    assert ([one.id for one in back.data], back.has_more) == (every[1:3], True)
    assert [one.id for one in client.v1.events.list(filters | {"ending_before": every[0]}).data] == []
    assert fake.spec_violations == []


@pytest.mark.parametrize(
    "filters", [{"types": [f"type.{number}" for number in range(21)]}, {"types": ["invoice.paid"], "type": "*"}]
)
def test_filters_that_stripe_does_not_take_are_refused(client: stripe.StripeClient, filters: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list(filters)


def test_events_are_forgotten_after_thirty_days(fake: FakeStripe, client: stripe.StripeClient) -> None:
    call(fake, "POST", "/v1/customers")
    event = fake.events[-1]["id"]
    fake.clock.advance(days=31)
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.v1.events.retrieve(event)


def test_subscriptions_are_listed_by_status(fake: FakeStripe, client: stripe.StripeClient) -> None:
    living, ended = subscription(fake)["id"], subscription(fake)["id"]
    client.v1.subscriptions.cancel(ended)
    assert [one.id for one in client.v1.subscriptions.list().data] == [living]
    assert [one.id for one in client.v1.subscriptions.list({"status": "canceled"}).data] == [ended]
    assert len(client.v1.subscriptions.list({"status": "all"}).data) == 2


def test_payment_leads_back_to_its_invoice(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake)
    intent = next(iter(fake.state["payment_intent"]))
    by: Any = {"type": "payment_intent", "payment_intent": intent}
    payments = client.v1.invoice_payments.list({"payment": by})
    assert [payment.invoice for payment in payments.data] == [sub["latest_invoice"]]


def test_unexpandable_property_is_refused(http: httpx.Client) -> None:
    answer = http.get("/v1/customers", params={"expand[]": "data.unicorn"})
    assert answer.status_code == 200  # nothing listed, nothing to expand
    answer = http.get("/v1/account", params={"expand[]": "unicorn"})
    assert "cannot be expanded" in error(answer)["message"]


def test_lists_expand_inside_data(fake: FakeStripe, client: stripe.StripeClient) -> None:
    sub = subscription(fake)
    listed = client.v1.subscriptions.list({"expand": ["data.customer", "data.latest_invoice.payments"]})
    shown: Any = listed.data[0]
    assert shown.customer.id == sub["customer"]
    assert shown.latest_invoice.payments.data[0].status == "paid"


def test_same_key_and_request_get_the_stored_answer(fake: FakeStripe, http: httpx.Client) -> None:
    once = {"headers": {"Idempotency-Key": "k"}, "data": {"email": "a@example.com"}}
    first, again = (http.post("/v1/customers", **once) for _ in range(2))  # type: ignore[arg-type]  # mixed values
    assert first.json() == again.json()
    assert (again.headers["Idempotent-Replayed"], "Idempotent-Replayed" in first.headers) == ("true", False)
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert len(fake.customers) == 1


def test_same_key_with_other_parameters_is_refused(client: stripe.StripeClient) -> None:
    client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})


def test_key_under_way_is_409(fake: FakeStripe) -> None:
    fake.faults.add(latency_before=0.2)
    headers = {"Authorization": f"Bearer {fake.api_key}", "Idempotency-Key": "k"}

    async def both() -> list[int]:
        async with httpx.AsyncClient(base_url=fake.url, headers=headers, trust_env=False) as http:
            answers = await asyncio.gather(http.post("/v1/customers"), http.post("/v1/customers"))
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(both()) == [200, 409]
    assert len(fake.customers) == 1


def test_refused_request_does_not_use_up_its_key(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    assert http.post("/v1/subscriptions", headers=key).status_code == 400
    assert http.post("/v1/customers", headers=key).status_code == 200


def test_declined_card_is_replayed(fake: FakeStripe, http: httpx.Client) -> None:
    customer, _ = customer_with_card(fake, "pm_card_chargeCustomerFail")
    data = {
        "customer": customer["id"],
        "items[0][price]": fake.price,
        "payment_behavior": "error_if_incomplete",
    }
    answers = [http.post("/v1/subscriptions", data=data, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [402, 402]
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_keys_are_forgotten_after_a_day(fake: FakeStripe, http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    http.post("/v1/customers", headers=key)
    fake.clock.advance(days=1, seconds=1)
    http.post("/v1/customers", headers=key)
    assert len(fake.customers) == 2


@pytest.mark.parametrize(("status", "replayed"), [(500, True), (503, False), (429, False)])
def test_injected_errors_are_stored_as_stripe_stores_them(
    fake: FakeStripe, http: httpx.Client, status: int, replayed: bool
) -> None:
    fake.faults.add(status=status, path="/v1/customers", retry_after=2, should_retry=True)
    key = {"Idempotency-Key": "k"}
    first, again = (http.post("/v1/customers", headers=key) for _ in range(2))
    assert (first.status_code, first.headers["Retry-After"]) == (status, "2")
    assert first.headers["Stripe-Should-Retry"] == "true"
    assert again.status_code == (status if replayed else 200)
    assert len(fake.customers) == (0 if replayed else 1)


def test_faults_meet_only_what_they_match(fake: FakeStripe, http: httpx.Client) -> None:
    fake.faults.add(status=503, times=2, method="POST", path="/v1/customers*")
    assert http.get("/v1/customers").status_code == 200
    statuses = [http.post("/v1/customers").status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


def test_sdk_rides_out_two_bad_answers(fake: FakeStripe) -> None:
    fake.faults.add(status=503, times=2)
    http = stripe.RequestsClient()
    client = stripe.StripeClient(
        fake.api_key, base_addresses={"api": fake.url}, max_network_retries=2, http_client=http
    )
    client.v1.customers.create()
    http.close()  # type: ignore[no-untyped-call]  # stripe leaves it untyped
    assert len(fake.customers) == 1


@pytest.mark.parametrize("sever", [lambda fake: fake.faults.add(drop=True), lambda fake: fake.control.bring_down()])
def test_severed_connection_is_seen_as_such(
    fake: FakeStripe, http: httpx.Client, sever: Callable[[FakeStripe], None]
) -> None:
    sever(fake)
    with pytest.raises(httpx.TransportError):
        http.post("/v1/customers", headers={"Idempotency-Key": "k"})
    executed = len(fake.customers)
    fake.faults.clear()
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).status_code == 200
    assert (len(fake.customers), fake.request_log[0].status) == (1, 0)
    assert fake.request_log[1].replayed is bool(executed)


def test_client_that_leaves_during_a_slow_answer_was_served(fake: FakeStripe, http: httpx.Client) -> None:
    fake.faults.add(latency_after=0.5)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/customers", headers={"Idempotency-Key": "k"}, timeout=0.1)
    assert len(fake.customers) == 1
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).headers["Idempotent-Replayed"] == "true"


def test_reading_does_not_change_what_is_made() -> None:
    ids = IdGenerator(0)
    assert ids.new("evt").startswith("evt_1")
    assert len(ids.new("sub")) == len("sub_") + 24
    assert len(ids.new("cus")) == len("cus_") + 14


def test_requests_from_many_threads_all_count(fake: FakeStripe) -> None:
    headers = {"Authorization": f"Bearer {fake.api_key}"}

    def make() -> None:
        with httpx.Client(base_url=fake.url, headers=headers, trust_env=False) as http:
            for _ in range(5):
                assert http.post("/v1/customers").status_code == 200

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.customers) == 20
