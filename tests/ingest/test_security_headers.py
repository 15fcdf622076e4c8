import socket
from urllib.parse import urlsplit

import httpx
import pytest

from config.settings import Settings
from ingest.security_headers import security_headers
from tests.fake_stripe.signature import sign
from tests.ingest.deliveries import PATH, SECRET, event_body, served

EXPECTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=31536000",
}


def test_every_answer_has_each_of_them_once(settings: Settings) -> None:
    body = event_body()
    with served(settings) as address, httpx.Client(base_url=address) as client:
        answers = {
            "accepted": client.post(PATH, content=body, headers={"stripe-signature": sign(body, SECRET)}),
            "refused": client.post(PATH, content=body),
            "probe": client.get("/livez"),
            "metrics": client.get("/metrics"),
            "no path": client.get("/nothing"),
            "no method": client.get(PATH),
            "API": client.get("/api/billing/users/1/subscriptions"),
            "document": client.get("/openapi.json"),
        }
        malformed = answer_to(address, b"no HTTP at all\r\n\r\n")
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {
        "accepted": 200,
        "refused": 400,
        "probe": 200,
        "metrics": 200,
        "no path": 404,
        "no method": 405,
        "API": 503,  # no key is configured
        "document": 200,
    }
    for name, answer in answers.items():
        found = {header: answer.headers.get_list(header) for header in EXPECTED}
        assert found == {header: [value] for header, value in EXPECTED.items()}, name
    assert malformed.startswith(b"HTTP/1.1 400 ")
    assert all(f"{header}: {value}".encode() in malformed for header, value in EXPECTED.items())


def answer_to(address: str, request: bytes) -> bytes:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(("env", "insists"), [("development", False), ("test", True)])
def test_browsers_are_told_to_insist_on_tls_outside_development(env: str, insists: bool) -> None:
    names = [name for name, _ in security_headers(Settings(env=env))]
    assert ("strict-transport-security" in names) is insists


def test_pages_with_a_strangers_scripts_are_not_served(settings: Settings) -> None:
    with served(settings) as address:
        for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
            assert httpx.get(f"{address}{path}").status_code == 404
