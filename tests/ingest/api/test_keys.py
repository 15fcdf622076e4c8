"""The keys that tokens are checked with: as settings, and as published by an issuer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm

from config.settings import Settings, SettingsError
from ingest.api.auth import TokenVerifier
from ingest.api.errors import InvalidToken, KeysUnavailable
from ingest.api.public_key import read_public_key
from tests.ingest.api.tokens import AUDIENCE, ISSUER, SECRET, claims, public_pem

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def settings(**values: Any) -> Settings:
    return Settings(env="test", **values)


PRODUCTION: dict[str, Any] = {
    "env": "production",
    "stripe_secret_key": "sk_live_x",
    "stripe_webhook_secrets": "whsec_x",
    "database_url": "postgresql://db/billing",
    "redis_url": "redis://redis/0",
}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"jwt_secret": "x" * 31}, "BILLING_JWT_SECRET is shorter than 32 bytes"),
        (
            {"jwt_secret": SECRET, "jwt_jwks_url": "https://login/keys"},
            "BILLING_JWT_SECRET and BILLING_JWT_JWKS_URL exclude each other",
        ),
        (PRODUCTION | {"jwt_secret": SECRET, "jwt_issuer": "x"}, "BILLING_JWT_AUDIENCE is missing"),
        (PRODUCTION | {"jwt_secret": SECRET, "jwt_audience": "x"}, "BILLING_JWT_ISSUER is missing"),
        (
            PRODUCTION | {"jwt_jwks_url": "http://login/keys", "jwt_audience": "x", "jwt_issuer": "x"},
            "BILLING_JWT_JWKS_URL is not https",
        ),
    ],
)
def test_settings_that_would_let_too_many_in_stop_the_start(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings(**{"env": "test"} | values)


def test_production_starts_without_a_key() -> None:
    assert not TokenVerifier.from_settings(Settings(**PRODUCTION)).configured


def private_pem() -> str:
    return RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def pem_of(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(
    "setting",
    [
        private_pem(),
        pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        "-----BEGIN PUBLIC KEY-----\nnothing\n-----END PUBLIC KEY-----",
        "/nowhere/key.pem",
        "nothing",
        ".",
    ],
)
def test_what_is_no_public_key_for_us_stops_the_start(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"^BILLING_JWT_PUBLIC_KEY is neither") as refused:
        TokenVerifier.from_settings(settings(jwt_public_key=setting))
    assert setting not in str(refused.value) or len(setting) < 10


def test_kind_of_the_key_fixes_the_algorithm(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(public_pem(EC_KEY))
    assert [read_public_key(text)[1] for text in (public_pem(RSA_KEY), str(file))] == ["RS256", "ES256"]


class Issuer:
    """Publishes keys."""

    def __init__(self) -> None:
        self.body: bytes = b""
        self.status = 200
        self.asked = 0
        self.url = ""

    def publish(self, **keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": [key | {"kid": kid} for kid, key in keys.items()]}).encode()


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            self.send_response(issuer.status)
            self.end_headers()
            self.wfile.write(issuer.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/keys"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.publish(
            rsa=RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True),
            ec=ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True),
            shared=HMACAlgorithm.to_jwk(SECRET, as_dict=True),
        )
        yield issuer


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier.from_settings(settings(jwt_jwks_url=issuer.url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE))


def signed(key: Any, algorithm: str, kid: str | None) -> str:
    return "Bearer " + jwt.encode(claims("7"), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def test_published_key_is_found_by_its_id_and_kept(verifier: TokenVerifier, issuer: Issuer) -> None:
    for _ in range(3):
        assert verifier.caller(signed(RSA_KEY, "RS256", "rsa")).user_id == 7
        assert verifier.caller(signed(EC_KEY, "ES256", "ec")).user_id == 7
    assert issuer.asked == 1


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [
        (RSA_KEY, "RS256", None),
        (RSA_KEY, "RS256", "unknown"),
        (RSA_KEY, "RS256", "ec"),
        (RSA_KEY, "RS512", "rsa"),
        (EC_KEY, "ES256", "rsa"),
        (SECRET, "HS256", "rsa"),
        (SECRET, "HS256", "shared"),
    ],
)
def test_token_that_does_not_fit_its_published_key_is_refused(
    verifier: TokenVerifier, key: Any, algorithm: str, kid: str | None
) -> None:
    with pytest.raises(InvalidToken):
        verifier.caller(signed(key, algorithm, kid))


def test_tokens_with_invented_key_ids_do_not_make_us_ask_again_and_again(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    verifier.caller(signed(RSA_KEY, "RS256", "rsa"))
    for number in range(20):
        with pytest.raises(InvalidToken):
            verifier.caller(signed(RSA_KEY, "RS256", f"invented_{number}"))
    assert issuer.asked <= 2


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"no JSON"), (200, b'{"keys": []}'), (302, b"")])
def test_issuer_that_gives_no_keys_lets_nobody_in(
    verifier: TokenVerifier, issuer: Issuer, status: int, body: bytes
) -> None:
    issuer.status, issuer.body = status, body
    with pytest.raises(KeysUnavailable):
        verifier.caller(signed(RSA_KEY, "RS256", "rsa"))


def test_issuer_that_is_away_lets_nobody_in() -> None:
    with issuing() as gone:
        pass
    verifier = TokenVerifier.from_settings(settings(jwt_jwks_url=gone.url))
    with pytest.raises(KeysUnavailable):
        verifier.caller(signed(RSA_KEY, "RS256", "rsa"))
