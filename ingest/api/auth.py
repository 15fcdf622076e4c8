"""Who calls: a JWT bearer token, checked with the one kind of key that is configured."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from jwt import PyJWKClient, PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError, PyJWTError

from billing_core.user_ids import LARGEST_USER_ID
from config.settings import Settings
from ingest.api.errors import AuthenticationNotConfigured, InvalidToken, KeysUnavailable, NotAllowed, NoToken
from ingest.api.public_key import read_public_key

ADMIN_SCOPE = "billing:admin"
LEEWAY = 30  # s; servers' clocks differ

# Both end up in the ledger and in the log.
_SUBJECT = re.compile(r"[\x21-\x7e]{1,200}")
_USER_ID = re.compile(r"[1-9][0-9]{0,9}")

_JWKS_TIMEOUT = 5.0
# After a key's rotation its old tokens are refused this much later; new ones work after PyJWT's cooldown of 30 s.
_JWKS_LIFESPAN = 300.0
_JWKS_ALGORITHMS = frozenset({"RS256", "ES256"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user (`user:7`), who may touch what is theirs, or a service (`service:…`), which may touch anything.

    Attributes:
        subject: as the ledger and the log name them.
        user_id: of a user; None of a service.
    """

    subject: str
    user_id: int | None

    @property
    def admin(self) -> bool:
        """Whether the token has the scope `billing:admin`."""
        return self.user_id is None

    def owns(self, user_id: int | None) -> bool:
        """Whether what belongs to this user is the caller's to see and change."""
        return self.admin or user_id == self.user_id


class Keys(Protocol):
    """Where the verifying key comes from."""

    def key_for(self, token: str) -> tuple[Any, str]:
        """Return the key and the only algorithm that it may be used with."""
        ...


@dataclass(frozen=True, slots=True)
class ConfiguredKey:
    """One key, whatever the token says. Its kind fixes the algorithm, so that a token cannot choose a weaker one."""

    key: Any
    algorithm: str

    def key_for(self, _token: str) -> tuple[Any, str]:
        """Return the key and its algorithm."""
        return self.key, self.algorithm


class PublishedKeys:
    """The issuer's published keys. A token names one by `kid`; the key, not the token, names the algorithm."""

    def __init__(self, url: str) -> None:
        self._client = PyJWKClient(url, timeout=_JWKS_TIMEOUT, lifespan=_JWKS_LIFESPAN)

    def key_for(self, token: str) -> tuple[Any, str]:
        """Return the key that the token names, asking the issuer for keys it has not told yet.

        Raises:
            KeysUnavailable: the issuer does not answer, or not with keys.
            InvalidToken: the issuer has no such key, or it is not for RS256 or ES256.
        """
        kid = jwt.get_unverified_header(token).get("kid")
        if kid is None:
            raise InvalidToken("the token names no key (kid)")
        try:
            found = self._client.get_signing_key(kid)
        except (PyJWKClientConnectionError, PyJWKSetError, ValueError) as error:
            raise KeysUnavailable(f"BILLING_JWT_JWKS_URL gave no keys: {type(error).__name__}") from error
        except PyJWKClientError:
            raise InvalidToken("the issuer publishes no key of this kid") from None
        if found.algorithm_name not in _JWKS_ALGORITHMS:
            raise InvalidToken("the token's key is not for RS256 or ES256")
        return found.key, found.algorithm_name


class TokenVerifier:
    """Checks tokens: signature, expiry, not-before, and the issuer and audience that are configured."""

    def __init__(self, keys: Keys | None, *, issuer: str | None, audience: str | None) -> None:
        """Without keys everything is refused."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        expected = {"exp": True, "sub": True, "iss": issuer, "aud": audience}
        self._required = [claim for claim, value in expected.items() if value]

    @classmethod
    def from_settings(cls, settings: Settings) -> "TokenVerifier":
        """Make the verifier.

        Raises:
            config.settings.SettingsError: BILLING_JWT_PUBLIC_KEY is no key for RS256 or ES256.
        """
        return cls(_keys(settings), issuer=settings.jwt_issuer, audience=settings.jwt_audience)

    def prepared(self, settings: Settings) -> Callable[[], None]:
        """Return what lets tokens be checked with the key of these settings from the next one on.

        Raises:
            config.settings.SettingsError: BILLING_JWT_PUBLIC_KEY is no key for RS256 or ES256.
        """
        keys = _keys(settings)

        def use() -> None:
            self._keys = keys

        return use

    @property
    def configured(self) -> bool:
        """Whether there is anything to check a token with."""
        return self._keys is not None

    def caller(self, authorization: str | None) -> Caller:
        """Return who sent this Authorization header. It may block: published keys are fetched when needed.

        Raises:
            AuthenticationNotConfigured: there is no key; nobody is let in.
            NoToken: the header is missing or of another scheme.
            InvalidToken: the token proves nothing.
            NotAllowed: the token is good and names neither a user nor the scope `billing:admin`.
            KeysUnavailable: the published keys cannot be had.
        """
        if self._keys is None:
            raise AuthenticationNotConfigured("no key is configured to check tokens with; see docs/configuration.md")
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NoToken("send Authorization: Bearer <token>")
        return _caller(self._claims(self._keys, token.strip()))

    def _claims(self, keys: Keys, token: str) -> dict[str, Any]:
        try:
            key, algorithm = keys.key_for(token)
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,  # none expected: a token made for somebody is refused
                leeway=LEEWAY,
                options={"require": self._required, "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise InvalidToken(_reason(error)) from None
        except (ValueError, TypeError, RecursionError):  # a parser's trouble with what is no token
            raise InvalidToken("this is no token") from None


def _keys(settings: Settings) -> Keys | None:
    if settings.jwt_secret:
        return ConfiguredKey(settings.jwt_secret.get_secret_value(), "HS256")
    if settings.jwt_public_key:
        return ConfiguredKey(*read_public_key(settings.jwt_public_key))
    if settings.jwt_jwks_url:
        return PublishedKeys(settings.jwt_jwks_url)
    return None


# PyJWT's own messages repeat parts of the token.
_REASONS: dict[type[PyJWTError], str] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAudienceError: "the token is for another audience",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.MissingRequiredClaimError: "the token lacks a claim: exp and sub are needed, iss and aud where configured",
    jwt.InvalidAlgorithmError: "the token is signed with another algorithm than the configured key's",
    jwt.InvalidSignatureError: "the signature does not verify",
}


def _reason(error: PyJWTError) -> str:
    return _REASONS.get(type(error), "this is no valid token")


def _caller(claims: dict[str, Any]) -> Caller:
    subject = str(claims["sub"])
    if not _SUBJECT.fullmatch(subject):
        raise InvalidToken("sub is not 1 to 200 printable characters")
    if ADMIN_SCOPE in _scopes(claims.get("scope")):
        return Caller(f"service:{subject}", None)
    if _USER_ID.fullmatch(subject) and int(subject) <= LARGEST_USER_ID:
        return Caller(f"user:{subject}", int(subject))
    raise NotAllowed(f"the token needs a user's ID as sub, or the scope {ADMIN_SCOPE}")


def _scopes(claim: object) -> list[object]:
    """Read the claim as OAuth writes it, separated by spaces, or as a list."""
    match claim:
        case str():
            return list(claim.split())
        case list():
            return claim
    return []
