"""Which endpoint secret verified a delivery last, and when: known by a fingerprint, never by the secret."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from redis import Redis


def key(prefix: str) -> str:
    """The hash in Redis: fingerprint to Unix seconds. The endpoint writes it, once a minute and secret at most."""
    return f"{prefix}secrets_matched"


def fingerprint(secret: str) -> str:
    """Return what the secret is called where it must not be shown; Stripe's secrets are too random to be guessed."""
    return sha256(b"billing endpoint secret " + secret.encode()).hexdigest()[:12]


def last_matches(redis: Redis, prefix: str) -> Mapping[str, datetime]:
    """Return when each secret verified a delivery last, to the minute, by fingerprint.

    Raises:
        redis.RedisError: Redis is away.
    """
    found: Any = redis.hgetall(key(prefix))
    return {name.decode(): datetime.fromtimestamp(float(at), UTC) for name, at in found.items()}
