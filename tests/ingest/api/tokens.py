"""Tokens, good and bad."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "the secret of the API, of 64 bytes, so that it would do for HS512 too"
ISSUER = "https://login.example"
AUDIENCE = "billing"

MINUTE = 60

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def claims(sub: Any = "1", **changes: Any) -> dict[str, Any]:
    """Return good claims of user 1; a claim changed to None is left out."""
    now = int(time.time())
    made = {"sub": sub, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60 * MINUTE} | changes
    return {name: value for name, value in made.items() if value is not None}


def token(sub: Any = "1", *, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(sub, **changes), secret, algorithm=algorithm)


def admin_token() -> str:
    return token("backend", scope="billing:admin")


def bearer(made: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {made}"}


def admin() -> dict[str, str]:
    return bearer(admin_token())


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def user(user_id: int) -> dict[str, str]:
    return bearer(token(str(user_id)))
