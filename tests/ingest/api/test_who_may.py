"""Who is let in, and what each may touch."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from billing_core.database import Database
from config.settings import Settings
from tests.ingest.api.calling import API, NEW, lines, opened_api, problem, settings_for_api
from tests.ingest.api.stand_in import StandIn, subscription_id
from tests.ingest.api.tokens import MINUTE, admin, admin_token, bearer, claims, public_pem, token, user

pytestmark = pytest.mark.anyio

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())

MINE = f"{API}/users/1/invoices"


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(header: dict[str, Any], secret: str | None = None) -> str:
    """Return a token as no library makes it."""
    signed = f"{part(header)}.{part(claims())}"
    mac = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256) if secret else b""
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def tampered() -> str:
    head, _, signature = token("2").split(".")
    return f"{head}.{part(claims('1', scope='billing:admin'))}.{signature}"


NO_ENTRY = {
    "no header": None,
    "another scheme": "Basic dXNlcjpwYXNz",
    "no token": "Bearer",
    "garbage": "Bearer garbage",
    "garbage in three parts": "Bearer a.b.c",
    "deeply nested header": f"Bearer {base64.urlsafe_b64encode(b'[' * 20000).decode()}.e30.e30",
    "header that is no object": f"Bearer {base64.urlsafe_b64encode(b'[1]').decode().rstrip('=')}.e30.e30",
    "expired": f"Bearer {token(exp=int(time.time()) - MINUTE)}",
    "without expiry": f"Bearer {token(exp=None)}",
    "expiry that is no number": f"Bearer {token(exp='never')}",
    "not valid yet": f"Bearer {token(nbf=int(time.time()) + 30 * MINUTE)}",
    "issued in the future": f"Bearer {token(iat=int(time.time()) + 30 * MINUTE)}",
    "another audience": f"Bearer {token(aud='shop')}",
    "without audience": f"Bearer {token(aud=None)}",
    "another issuer": f"Bearer {token(iss='https://evil.example')}",
    "without issuer": f"Bearer {token(iss=None)}",
    "without subject": f"Bearer {token(sub=None)}",
    "subject with line ends": f"Bearer {token(sub=chr(10) + '1')}",
    "another secret": f"Bearer {token(secret='another secret of 32 bytes or more')}",
    "alg none": f"Bearer {by_hand({'alg': 'none', 'typ': 'JWT'})}",
    "alg None in capitals": f"Bearer {by_hand({'alg': 'NONE'})}",
    "alg missing": f"Bearer {by_hand({'typ': 'JWT'})}",
    "another algorithm of the same secret": f"Bearer {token(algorithm='HS512')}",
    "unknown critical extension": f"Bearer {by_hand({'alg': 'HS256', 'crit': ['exp']}, 'x')}",
    "signature of another token": f"Bearer {tampered()}",
}


@pytest.mark.parametrize("authorization", NO_ENTRY.values(), ids=NO_ENTRY)
async def test_token_that_proves_nothing_is_refused(api: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (("GET", MINE), ("POST", f"{API}/subscriptions"), ("DELETE", f"{API}/subscriptions/sub_1")):
        answer = await api.request(method, path, headers=headers)
        assert problem(answer)["status"] == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("body", [b"{", b'{"user_id": "x"}', b"x" * 2_000_000])
async def test_caller_is_known_before_the_body_is_read(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(f"{API}/subscriptions", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)["code"] == "missing_token"


@pytest.mark.parametrize(
    "sub", ["backend", "0", "007", "-1", "1.0", "2147483648", "\u0661"]
)  # the last: a digit of sorts
async def test_subject_that_is_no_users_id_needs_the_scope(api: httpx.AsyncClient, sub: str) -> None:
    answer = await api.get(MINE, headers=bearer(token(sub)))
    assert answer.status_code in {401, 403}
    assert "www-authenticate" in answer.headers
    if sub.isascii():
        assert problem(answer)["status"] == 403
        assert (await api.get(MINE, headers=bearer(token(sub, scope="billing:admin")))).status_code == 200


@pytest.mark.parametrize("scope", ["profile billing:admin", ["profile", "billing:admin"]])
async def test_scope_is_text_or_a_list(api: httpx.AsyncClient, scope: object) -> None:
    assert (await api.get(MINE, headers=bearer(token("2", scope=scope)))).status_code == 200


@pytest.mark.parametrize("scope", ["billing:administrator", "billing", ["billing:admin2"], {"billing:admin": 1}, 7])
async def test_other_scopes_are_none(api: httpx.AsyncClient, scope: object) -> None:
    assert (await api.get(MINE, headers=bearer(token("2", scope=scope)))).status_code == 403


async def test_clocks_may_differ_by_half_a_minute(api: httpx.AsyncClient) -> None:
    now = int(time.time())
    for made in (token(exp=now - 20), token(nbf=now + 20), token(iat=now + 20)):
        assert (await api.get(MINE, headers=bearer(made))).status_code == 200


OTHERS = [
    ("GET", "/users/2/subscriptions", 403),
    ("GET", "/users/2/invoices", 403),
    ("GET", "/users/2/payment-methods", 403),
    ("GET", "/users/2/events", 403),
    ("GET", "/subscriptions/sub_2", 404),
    ("GET", "/subscriptions/sub_2/client-secret", 404),
    ("PUT", "/subscriptions/sub_2", 404),
    ("DELETE", "/subscriptions/sub_2", 404),
    ("POST", "/invoices/in_2/refund", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), OTHERS)
async def test_user_touches_nothing_of_another_user(
    api: httpx.AsyncClient, worker: StandIn, method: str, path: str, status: int
) -> None:
    body = {"cancel_at_period_end": True} if method == "PUT" else None
    answer = await api.request(method, API + path, headers=user(1), json=body)
    assert problem(answer)["status"] == status
    assert worker.queued == []


async def test_anothers_object_looks_like_none(api: httpx.AsyncClient, any_database: Database) -> None:
    answers = [
        await api.get(f"{API}/subscriptions/{identifier}", headers=user(1))
        for identifier in ("sub_2", "sub_none", subscription_id(any_database, "sub_2"), 2**31, 999999)
    ]
    bodies = [problem(answer) | {"instance": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)


async def test_service_touches_anything(api: httpx.AsyncClient, any_database: Database) -> None:
    for path in ("/users/2/subscriptions", "/subscriptions/sub_2", f"/subscriptions/{subscription_id(any_database)}"):
        assert (await api.get(API + path, headers=admin())).status_code == 200


async def test_user_creates_for_nobody_else(api: httpx.AsyncClient, worker: StandIn) -> None:
    answer = await api.post(f"{API}/subscriptions", json=NEW | {"user_id": 2}, headers=user(1))
    assert problem(answer)["status"] == 403
    assert worker.queued == []


SELLERS = [
    ("POST", "/subscriptions", NEW | {"trial_days": 30}),
    ("POST", "/subscriptions", NEW | {"coupon": "all_free"}),
    ("POST", "/subscriptions", NEW | {"price_id": "price_free"}),
    ("PUT", "/subscriptions/sub_1", {"price_id": "price_free"}),
    ("PUT", "/subscriptions/sub_1", {"price_id": "price_plus", "proration": "none"}),
    ("PUT", "/subscriptions/sub_1", {"pause": "void"}),
    ("DELETE", "/subscriptions/sub_1?refund=last_invoice", None),
    ("DELETE", "/subscriptions/sub_1?refund=prorated", None),
    ("POST", "/invoices/in_1/refund", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), SELLERS)
async def test_what_costs_the_seller_money_needs_the_scope(
    api: httpx.AsyncClient, worker: StandIn, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = await api.request(method, API + path, json=body, headers=user(1))
    assert problem(answer)["status"] == 403
    assert worker.queued == []
    assert (await api.request(method, API + path, json=body, headers=admin())).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/subscriptions", NEW | {"price_id": "price_default", "promotion_code": "promo_1", "quantity": 2}),
        ("PUT", "/subscriptions/sub_1", {"price_id": "price_plus", "proration": "always_invoice"}),
        ("PUT", "/subscriptions/sub_1", {"cancel_at_period_end": False}),
        ("PUT", "/subscriptions/sub_1", {"default_payment_method": "pm_2"}),
        ("DELETE", "/subscriptions/sub_1?when=period_end", None),
    ],
)
async def test_user_changes_what_is_theirs(
    api: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert (await api.request(method, API + path, json=body, headers=user(1))).status_code == 202


@pytest.mark.parametrize("env", ["production", "development", "test"])
async def test_without_a_key_everything_is_refused(redis_url: str, any_database: Database, env: str) -> None:
    settings = settings_for_api(redis_url, any_database, jwt_secret=None).model_copy(update={"env": env})
    async with opened_api(settings) as client:
        for made in (admin(), user(1), {}, bearer(by_hand({"alg": "none"})), bearer(by_hand({"alg": "HS256"}, ""))):
            answer = await client.get(MINE, headers=made)
            assert problem(answer)["code"] == "authentication_not_configured"
            assert answer.status_code == 503


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
async def test_public_key_verifies_its_one_algorithm(
    redis_url: str, any_database: Database, tmp_path: Any, key: Any, algorithm: str
) -> None:
    import jwt  # noqa: PLC0415

    pem = public_pem(key)
    (tmp_path / "key.pem").write_text(pem)
    good = jwt.encode(claims(), key, algorithm=algorithm)
    confused = by_hand({"alg": "HS256", "typ": "JWT"}, pem)
    other = jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256")
    for written in (pem, pem.replace("\n", "\\n"), str(tmp_path / "key.pem")):
        settings = settings_for_api(redis_url, any_database, jwt_secret=None, jwt_public_key=written)
        async with opened_api(settings) as client:
            assert (await client.get(MINE, headers=bearer(good))).status_code == 200
            for bad in (
                confused,
                by_hand({"alg": "HS256"}, pem.strip()),
                other,
                admin_token(),
                by_hand({"alg": "none"}),
            ):
                assert (await client.get(MINE, headers=bearer(bad))).status_code == 401


async def test_every_call_is_logged_with_its_subject(
    settings: Settings, worker: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened_api(settings, worker.enqueue) as client:
        await client.post(f"{API}/subscriptions", json=NEW, headers=user(1))
        await client.get(f"{API}/subscriptions/sub_2?secret=s3", headers=user(1))
        await client.get(f"{API}/subscriptions/sub_2")
        await client.get(f"{API}/users/2/events", headers=admin())
    told = [
        {name: line.get(name) for name in ("subject", "method", "route", "status", "command_id")}
        for line in lines(capsys.readouterr().out, "api.called")
    ]
    route = f"{API}/subscriptions/{{subscriptionId}}"
    [command_id] = worker.queued
    assert told == [
        {
            "subject": "user:1",
            "method": "POST",
            "route": f"{API}/subscriptions",
            "status": 202,
            "command_id": command_id,
        },
        {"subject": "user:1", "method": "GET", "route": route, "status": 404, "command_id": None},
        {"subject": None, "method": "GET", "route": route, "status": 401, "command_id": None},
        {
            "subject": "service:backend",
            "method": "GET",
            "route": f"{API}/users/{{userId}}/events",
            "status": 200,
            "command_id": None,
        },
    ]
