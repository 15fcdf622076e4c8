"""Sessions: a signed cookie that lives briefly, and a list in Redis of those that were ended before their time."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

import jwt
from redis import Redis
from starlette.requests import Request
from starlette.responses import Response

from ingest.console.errors import NotLoggedIn
from ingest.console.operators import Operator, Role

# Whatever happens meanwhile: a working day.
LONGEST = 12 * 3600

# A form to log in stays good for so long.
FORM_LIFE = 3600

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's login.

    Attributes:
        key: names the session in Redis.
        operator: who logged in.
        csrf: stands in each of its forms.
        until: when it ends at the latest, in s.
        expires: when it ends if nothing is asked until then.
    """

    key: str
    operator: Operator
    csrf: str
    until: float
    expires: float


class Sessions:
    """Makes, reads and ends them."""

    def __init__(self, redis: Redis, prefix: str, secret: str, *, life: float, secure: bool) -> None:
        self._redis = redis
        self._ended = f"{prefix}console:ended:"
        self._life = life
        self._secure = secure
        # Two kinds of cookie, signed with keys of their own, so that neither passes for the other.
        self._session_key, self._form_key = (_derived(secret, use) for use in ("session", "login form"))
        # A browser takes a cookie with this prefix over TLS and from this very host only. RFC 6265bis, 4.1.3
        marker = "__Host-" if secure else ""
        self._session_cookie, self._form_cookie = f"{marker}console", f"{marker}console-login"

    def begin(self, operator: Operator, until: float | None = None) -> Session:
        """Return a new session, which ends with the proof that it was opened with."""
        now = time.time()
        latest = min(now + LONGEST, until or now + LONGEST)
        expires = min(now + self._life, latest)
        return Session(secrets.token_urlsafe(16), operator, secrets.token_urlsafe(16), latest, expires)

    def find(self, request: Request) -> Session:
        """Return the session that the request's cookie proves.

        Raises:
            NotLoggedIn: none, or it has ended.
            redis.RedisError: nobody knows whether it was ended.
        """
        claims = _claims(request.cookies.get(self._session_cookie), self._session_key)
        if claims is None or self._redis.exists(self._ended + claims["sid"]):
            raise NotLoggedIn("you are not logged in, or have not been here for a while")
        operator = Operator(claims["sub"], Role(claims["role"]))
        return Session(claims["sid"], operator, claims["csrf"], claims["until"], claims["exp"])

    def renew(self, session: Session, response: Response) -> None:
        """Let the session live on, once half of its time is over."""
        now = time.time()
        if session.expires - now < self._life / 2:
            self.keep(replace(session, expires=min(now + self._life, session.until)), response)

    def keep(self, session: Session, response: Response) -> None:
        """Give the browser the session."""
        claims = {
            "sid": session.key,
            "sub": session.operator.subject,
            "role": session.operator.role,
            "csrf": session.csrf,
            "until": session.until,
            "exp": int(session.expires),
        }
        self._set(response, self._session_cookie, jwt.encode(claims, self._session_key, _ALGORITHM), self._life)

    def end(self, session: Session, response: Response) -> None:
        """End the session, whoever has a copy of its cookie."""
        left = max(1, int(session.until - time.time()))
        self._redis.set(self._ended + session.key, "", ex=left)
        response.delete_cookie(self._session_cookie, secure=self._secure, httponly=True, samesite="strict")

    def offer_form(self, token: str, response: Response) -> None:
        """Give the browser what a form to log in is compared with: the token that stands in the form."""
        claims = {"csrf": token, "exp": int(time.time() + FORM_LIFE)}
        self._set(response, self._form_cookie, jwt.encode(claims, self._form_key, _ALGORITHM), FORM_LIFE)

    def form_token(self, request: Request) -> str | None:
        """Return the token that the request's form to log in must have."""
        claims = _claims(request.cookies.get(self._form_cookie), self._form_key)
        return claims["csrf"] if claims else None

    def _set(self, response: Response, name: str, value: str, life: float) -> None:
        response.set_cookie(
            name, value, max_age=int(life), path="/", secure=self._secure, httponly=True, samesite="strict"
        )


def _claims(cookie: str | None, key: str) -> dict[str, Any] | None:
    if cookie is None:
        return None
    try:
        claims: dict[str, Any] = jwt.decode(cookie, key, algorithms=[_ALGORITHM], options={"require": ["exp", "csrf"]})
    except (jwt.PyJWTError, ValueError):
        return None
    return claims


def _derived(secret: str, use: str) -> str:
    return hmac.new(secret.encode(), f"console {use}".encode(), hashlib.sha256).hexdigest()
