"""The OpenAPI document is true: Schemathesis sends what it allows and what it does not, and looks at each answer."""

import itertools
import json
import operator
import os
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from billing_core.database import Database
from tests.fake_stripe.signature import sign
from tests.ingest.api.calling import API, made_app, settings_for_api
from tests.ingest.api.stand_in import StandIn
from tests.ingest.api.tokens import admin, user
from tests.ingest.deliveries import SECRET, event_body, served_app

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
FEW = "FUZZ_EXAMPLES" not in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))  # of each operation, in each mode: 20 take about 15 s
CALLERS = st.builds(
    operator.or_, st.sampled_from([user(1), admin()]), st.sampled_from([{}, {"Prefer": "wait=1"}, {"Prefer": "wait=0"}])
)
KNOWN: dict[str, list[Any]] = {"subscriptionId": ["sub_1", "sub_2"], "invoiceId": ["in_1", "in_2"], "userId": [1, 2]}


@pytest.fixture
def app(redis_url: str, any_database: Database, worker: StandIn) -> FastAPI:
    return made_app(settings_for_api(redis_url, any_database), worker.enqueue, client_secret=lambda _: "pi_1_secret_1")


def test_document_has_every_call_and_not_the_webhook(app: FastAPI) -> None:
    document = app.openapi()
    assert {
        (method.upper(), path.removeprefix(API)) for path, calls in document["paths"].items() for method in calls
    } == {
        ("POST", "/subscriptions"),
        ("GET", "/subscriptions/{subscriptionId}"),
        ("PUT", "/subscriptions/{subscriptionId}"),
        ("DELETE", "/subscriptions/{subscriptionId}"),
        ("GET", "/subscriptions/{subscriptionId}/client-secret"),
        ("POST", "/invoices/{invoiceId}/refund"),
        ("GET", "/users/{userId}/subscriptions"),
        ("GET", "/users/{userId}/invoices"),
        ("GET", "/users/{userId}/payment-methods"),
        ("GET", "/users/{userId}/events"),
        ("GET", "/commands/{commandId}"),
    }


def test_every_call_needs_a_token_and_tells_its_problems(app: FastAPI) -> None:
    for path, calls in app.openapi()["paths"].items():
        for call in calls.values():
            assert call["security"] == [{"HTTPBearer": []}], path
            for status, answer in call["responses"].items():
                assert ("application/problem+json" in answer["content"]) is (int(status) >= 400)
            assert {"400", "401", "403", "422", "503"} <= call["responses"].keys()


def test_document_names_nothing_of_fastapis_own_errors(app: FastAPI) -> None:
    assert "HTTPValidationError" not in json.dumps(app.openapi())


@pytest.mark.timeout(100 if FEW else 0)
@pytest.mark.no_cover  # measuring takes most of its time, and others cover the same
def test_no_answer_is_undocumented_and_none_is_5xx(app: FastAPI, any_database: Database) -> None:
    schema = schemathesis.openapi.from_dict(app.openapi())
    with served_app(app) as address:
        for found, mode in itertools.product(schema.get_all_operations(), GenerationMode):
            explore(found.ok().as_strategy(mode), address)


def explore(cases: st.SearchStrategy[schemathesis.Case[Any]], address: str) -> None:
    @given(case=cases, known=st.booleans(), number=st.integers(0, 1), caller=CALLERS)
    @hypothesis_settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=FEW, suppress_health_check=list(HealthCheck)
    )
    def one(case: schemathesis.Case[Any], known: bool, number: int, caller: dict[str, str]) -> None:
        for name in KNOWN.keys() & case.path_parameters.keys():
            if known:  # of random IDs none is there
                case.path_parameters[name] = KNOWN[name][number]
        if known and isinstance(case.body, dict) and "user_id" in case.body:
            case.body["user_id"] = KNOWN["userId"][number]
        case.call_and_validate(base_url=address, headers=caller, checks=CHECKS)

    one()


def test_webhook_stands_beside_the_api(app: FastAPI) -> None:
    body = event_body()
    with served_app(app) as address:
        answer = httpx.post(
            f"{address}/webhooks/stripe", content=body, headers={"stripe-signature": sign(body, SECRET)}
        )
        assert answer.json() == {"received": True}
        assert httpx.get(f"{address}/openapi.json").json() == app.openapi()
