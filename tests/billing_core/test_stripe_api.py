import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from billing_core.errors import StripeForbidden, StripeObjectMissing, StripeRefused, StripeUnavailable
from billing_core.stripe_api import StripeApi
from tests.building import T0, moment
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import eight_types

KEY = SecretStr("sk_test_1")
MESSAGE = "No such customer: jenny@example.com"


class Answering(ThreadingHTTPServer):
    """Answers GETs with `status`, `headers` and `body` after `delay` seconds; the first `failures` with 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.headers = {"Date": formatdate(T0, usegmt=True), "Request-Id": "req_9"}
        self.body: Any = {"id": "cus_1"}
        self.delay = 0.0
        self.failures = 0
        self.requests = list[str]()

    def answer(self, status: int, body: Any) -> None:
        self.status, self.body = status, body

    def error(self, status: int, code: str | None = None) -> None:
        self.answer(status, {"error": {"type": "invalid_request_error", "code": code, "message": MESSAGE}})


class _Answer(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        time.sleep(self.server.delay)
        body = self.server.body if isinstance(self.server.body, bytes) else json.dumps(self.server.body).encode()
        self.server.failures -= 1
        self.send_response_only(503 if self.server.failures >= 0 else self.server.status)
        for name, value in (self.server.headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's name)
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def api_at(server: Answering, *, timeout: float = 5, max_retries: int = 0) -> StripeApi:
    host, port = server.server_address[:2]
    return StripeApi(KEY, f"http://{host!s}:{port}", timeout=timeout, max_retries=max_retries)


def test_object_comes_as_plain_json(server: Answering) -> None:
    server.body = {"id": "cus_1", "metadata": {"user_id": "1"}, "balance": 7, "tax": None}
    assert api_at(server).fetch("/v1/customers/cus_1").obj == server.body


def test_moment_is_by_stripes_clock_not_ours(server: Answering) -> None:
    """T0 is months from this test's own day."""
    fetched = api_at(server).fetch("/v1/customers/cus_1")
    assert moment(-2) <= fetched.as_of < moment()


def test_moment_is_before_the_request_however_long_it_took(server: Answering) -> None:
    server.delay = 1.1
    assert moment(-4) <= api_at(server).fetch("/v1/customers/cus_1").as_of <= moment(-2)


def test_moment_is_in_whole_seconds(server: Answering) -> None:
    assert api_at(server).fetch("/v1/customers/cus_1").as_of.microsecond == 0


def test_each_call_leaves_a_line_with_stripes_id_of_it_and_without_its_words(server: Answering) -> None:
    api = api_at(server)
    with capture_logs() as logs:
        api.fetch("/v1/customers", email="jenny@example.com")
        for status in (402, 401):
            server.error(status, "some_code")
            with pytest.raises((StripeRefused, StripeUnavailable)):
                api.fetch("/v1/customers/cus_1")
    called = {"method": "get", "path": "/v1/customers/cus_1", "stripe_request_id": "req_9"}
    asked = {"event": "stripe.asked", "log_level": "debug"}
    refused = {"event": "stripe.refused", "log_level": "info", "status": 402, "code": "some_code", "decline_code": None}
    unanswered = {"event": "stripe.unanswered", "log_level": "warning", "status": 401, "reason": "AuthenticationError"}
    assert logs == [called | asked | {"path": "/v1/customers"}, called | refused, called | unanswered]


def test_parameters_are_sent_as_stripe_nests_them(server: Answering) -> None:
    api_at(server).fetch("/v1/invoice_payments", payment={"type": "payment_intent", "payment_intent": "pi_1"}, limit=1)
    assert server.requests == [
        "/v1/invoice_payments?payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D=pi_1&limit=1"
    ]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, StripeRefused),
        (401, StripeUnavailable),
        (402, StripeRefused),
        (403, StripeForbidden),
        (404, StripeObjectMissing),
        (409, StripeUnavailable),
        (429, StripeUnavailable),
        (500, StripeUnavailable),
        (503, StripeUnavailable),
    ],
)
def test_errors_are_sorted_without_stripes_message(server: Answering, status: int, error: type[Exception]) -> None:
    server.error(status, "some_code")
    with pytest.raises(error) as raised:
        api_at(server).fetch("/v1/customers/cus_1")
    assert type(raised.value) is error
    said = str(raised.value)
    assert "jenny" not in said
    assert KEY.get_secret_value() not in said
    assert all(part in said for part in ("GET /v1/customers/cus_1", str(status), "req_9"))


def test_answer_of_somebody_between_us_and_stripe_is_no_answer(server: Answering) -> None:
    server.answer(200, b"<html>Log in to the airport's network</html>")
    with pytest.raises(StripeUnavailable):
        api_at(server).fetch("/v1/customers/cus_1")


def test_answer_without_a_date_is_of_no_use(server: Answering) -> None:
    del server.headers["Date"]
    with pytest.raises(StripeUnavailable, match="no Date"):
        api_at(server).fetch("/v1/customers/cus_1")


def test_no_answer_in_time_is_unavailable(server: Answering) -> None:
    server.delay = 0.5
    with pytest.raises(StripeUnavailable, match="APIConnectionError"):
        api_at(server, timeout=0.1).fetch("/v1/customers/cus_1")


def test_nobody_there_is_unavailable(closed_port: int) -> None:
    api = StripeApi(KEY, f"http://127.0.0.1:{closed_port}", timeout=1, max_retries=0)
    with pytest.raises(StripeUnavailable, match="APIConnectionError"):
        api.fetch("/v1/customers/cus_1")


def test_without_a_key_stripe_is_unavailable() -> None:
    api = StripeApi(None, "http://127.0.0.1:1", timeout=1, max_retries=0)
    with pytest.raises(StripeUnavailable, match="STRIPE_SECRET_KEY is not set"):
        api.fetch("/v1/customers/cus_1")


def test_blip_is_over_after_the_sdks_own_retry(server: Answering) -> None:
    server.failures = 1
    assert api_at(server, max_retries=1).fetch("/v1/customers/cus_1").obj == {"id": "cus_1"}
    assert len(server.requests) == 2


def test_objects_come_from_the_fake_as_from_stripe() -> None:
    with FakeStripe(seed=5) as fake:
        eight_types(fake)
        api = StripeApi(SecretStr(fake.api_key), fake.url, timeout=5, max_retries=0)
        [subscription] = fake.subscriptions
        fetched = api.fetch(f"/v1/subscriptions/{subscription}")
        assert fetched.obj["id"] == subscription
        assert 0 <= fake.clock.now() - fetched.as_of.timestamp() < 10
        with pytest.raises(StripeObjectMissing):
            api.fetch("/v1/subscriptions/sub_none")
