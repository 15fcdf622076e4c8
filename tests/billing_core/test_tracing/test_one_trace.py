"""Traces of the real service: endpoint, API and worker as processes that send their spans to a collector."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple

import httpx
import pytest
import sqlalchemy as sa

from billing_core.models import User
from tests.billing_core.test_tracing.apart import OTEL
from tests.billing_core.test_tracing.collector import Collector, Seen
from tests.fake_stripe import FakeStripe
from tests.ingest.api.tokens import AUDIENCE, ISSUER, SECRET, user
from tests.kinds import empty_database
from tests.system.service import USER_ID, WEBHOOK_SECRET, Service, Web, Worker

pytestmark = pytest.mark.timeout(240)  # a loaded machine starts processes slowly


class WithoutBeat(Service):
    def _start(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        self.web = stack.enter_context(Web(self._folder("web"), environment=environment))
        self.worker = stack.enter_context(Worker(self._folder("worker"), environment=environment))


class Traced(NamedTuple):
    """The service, Stripe, and who collects."""

    service: Service
    fake: FakeStripe
    collector: Collector


@pytest.fixture(scope="module")
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with (
        Collector() as collector,
        FakeStripe(seed=6, start=time.time()) as fake,
        empty_database(request, "sqlite") as url,
        WithoutBeat(tmp_path_factory.mktemp("traced"), url, settings(collector, fake)) as service,
    ):
        with service.database.write() as session:
            session.execute(sa.insert(User), [{"user_id": USER_ID}])
        fake.add_endpoint(f"{service.web.url}/webhooks/stripe", secret=WEBHOOK_SECRET)
        yield Traced(service, fake, collector)


def settings(collector: Collector, fake: FakeStripe) -> dict[str, str]:
    return {
        "BILLING_TRACES": "on",
        "PYTHONPATH": os.pathsep.join([str(OTEL), os.environ.get("PYTHONPATH", "")]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "STRIPE_SECRET_KEY": fake.api_key,
        "STRIPE_API_BASE": fake.url,
        "BILLING_DEFAULT_PRICE": fake.price,
        "BILLING_JWT_SECRET": SECRET,
        "BILLING_JWT_ISSUER": ISSUER,
        "BILLING_JWT_AUDIENCE": AUDIENCE,
        # Else the lines of these modules would be covered nowhere.
        "COVERAGE_PROCESS_CONFIG": os.environ.get("COVERAGE_PROCESS_CONFIG", ""),
    }


@pytest.fixture(scope="module")
def subscribed(traced: Traced) -> list[Seen]:
    """The spans of a call of the API, and of all that came of it."""
    body = {"user_id": USER_ID, "payment_method_id": "pm_card_visa"}
    headers = user(USER_ID) | {"Prefer": "wait=30"}
    answer = httpx.post(f"{traced.service.web.url}/api/billing/subscriptions", json=body, headers=headers, timeout=40)
    assert answer.status_code == 201, answer.text
    traced.fake.delivery.wait_until_delivered(30)
    return traced.collector.wait_for(
        lambda spans: "POST /api/billing/subscriptions" in names(spans) and all_taken(spans)
    )


def names(spans: list[Seen]) -> set[str]:
    return {span.name for span in spans}


def all_taken(spans: list[Seen]) -> bool:
    """Whether a worker has worked on every event that was accepted."""
    sent = {span.span_id for span in spans if span.name.startswith("send ")}
    worked = [span for span in spans if span.name.startswith("process stripe.")]
    return bool(sent) and sent == {before for span in worked for before in (span.links or [span.parent_id])}


def of_trace(spans: list[Seen], trace_id: str) -> list[Seen]:
    return [span for span in spans if span.trace_id == trace_id]


def path_to(spans: list[Seen], end: Seen) -> list[str]:
    """Return the names from the trace's beginning to this span."""
    by_id = {span.span_id: span for span in spans}
    path = [end]
    while path[-1].parent_id in by_id:
        path.append(by_id[path[-1].parent_id])
    return [span.name for span in reversed(path)]


def test_api_call_its_command_the_calls_to_stripe_and_the_webhooks_they_cause_are_one_trace(
    subscribed: list[Seen],
) -> None:
    [call] = [span for span in subscribed if span.name == "POST /api/billing/subscriptions"]
    trace = of_trace(subscribed, call.trace_id)
    command = ["POST /api/billing/subscriptions", "process billing.run_command"]
    attaching = [*command, "POST /v1/payment_methods/{id}/attach"]
    webhook = [*attaching, "POST /webhooks/stripe", "send stripe.payment_method", "process stripe.payment_method"]
    paths = [path_to(trace, span) for span in trace]
    for path in (command, [*command, "INSERT Subscriptions"], attaching, webhook, [*webhook, "INSERT BillingEvents"]):
        assert path in paths
    assert [*command, "POST /v1/subscriptions", "POST /webhooks/stripe"] in paths
    assert {span.service for span in trace} == {"billing-web", "billing-worker"}


def change_customer(fake: FakeStripe, balance: int = 7) -> None:
    """As a person does in Stripe's dashboard."""
    url = f"{fake.url}/v1/customers/{next(iter(fake.customers))}"
    answer = httpx.post(url, data={"balance": str(balance)}, headers={"Authorization": f"Bearer {fake.api_key}"})
    assert answer.is_success
    fake.delivery.wait_until_delivered(30)


def test_webhook_that_nobody_asked_for_is_one_trace_from_the_door_to_sql(
    traced: Traced, subscribed: list[Seen]
) -> None:
    change_customer(traced.fake)
    path = ["POST /webhooks/stripe", "send stripe.customer", "process stripe.customer", "INSERT BillingEvents"]
    spans = traced.collector.wait_for(lambda spans: path in [path_to(spans, span) for span in spans])
    end = next(span for span in spans if path_to(spans, span) == path)
    trace = of_trace(spans, end.trace_id)
    assert (trace[0].name, trace[0].parent_id) == ("POST /webhooks/stripe", "")
    assert {"EVALSHA take up events", "EVALSHA settle events whose effect is committed"} <= names(trace)


def test_batch_of_several_events_begins_a_trace_and_is_linked_with_each(traced: Traced, subscribed: list[Seen]) -> None:
    before = {span.span_id for span in traced.collector.spans}
    traced.service.worker.pause()
    for balance in (1, 2, 3):
        change_customer(traced.fake, balance)
    traced.service.worker.resume()

    def sent(spans: list[Seen]) -> set[str]:
        return {span.span_id for span in spans if span.name == "send stripe.customer"} - before

    spans = traced.collector.wait_for(lambda spans: len(sent(spans)) == 3 and all_taken(spans))
    [batch] = [span for span in spans if span.name == "process stripe.customer" and span.span_id not in before]
    assert (batch.parent_id, set(batch.links)) == ("", sent(spans))


def test_refused_webhook_leaves_no_trace(traced: Traced, subscribed: list[Seen]) -> None:
    before = len(traced.collector.spans)
    url = traced.service.web.url
    assert httpx.post(f"{url}/webhooks/stripe", content=b"{}").status_code == httpx.codes.BAD_REQUEST
    assert httpx.get(f"{url}/api/billing/subscriptions/1").status_code == httpx.codes.UNAUTHORIZED
    spans = traced.collector.wait_for(lambda spans: len(spans) > before)
    assert [span.name for span in spans[before:]] == ["GET /api/billing/subscriptions/{subscriptionId}"]


def test_failure_is_told_by_its_class_and_the_log_by_the_trace(traced: Traced, subscribed: list[Seen]) -> None:
    body = {"user_id": USER_ID, "payment_method_id": "pm_none"}
    headers = user(USER_ID) | {"Prefer": "wait=30", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    answer = httpx.post(f"{traced.service.web.url}/api/billing/subscriptions", json=body, headers=headers, timeout=40)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    spans = traced.collector.wait_for(lambda spans: any(span.failed for span in of_trace(spans, "ab" * 16)))
    failed = {(span.name, span.failed) for span in of_trace(spans, "ab" * 16) if span.failed}
    assert ("POST /v1/payment_methods/{id}/attach", "StripeObjectMissing") in failed
    for process in (traced.service.web, traced.service.worker):
        assert f'"trace_id": "{"ab" * 16}"' in process.log.read_text()


def test_no_span_has_personal_data_or_a_secret(traced: Traced, subscribed: list[Seen]) -> None:
    sent = traced.collector.raw.decode(errors="replace")
    wanted = {*traced.fake.personal_values(), SECRET, WEBHOOK_SECRET, traced.fake.api_key}
    assert [value for value in wanted if value in sent] == []
    assert next(iter(traced.fake.subscriptions)) in sent
