"""Stripe's webhook signature, scheme v1: HMAC-SHA256 over `<t>.<body>`."""

import hashlib
import hmac
import time
from collections.abc import Sequence


def sign(payload: bytes, secret: str | Sequence[str], t: int | None = None) -> str:
    """Return the `Stripe-Signature` header for `payload`.

    `t` is the moment of sending in real Unix seconds (now by default). Several secrets give several
    `v1` entries, as Stripe sends while a secret is being rotated.
    """
    moment = int(time.time()) if t is None else t
    secrets = [secret] if isinstance(secret, str) else secret
    signed = f"{moment}.".encode() + payload
    digests = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in secrets]
    return ",".join([f"t={moment}", *(f"v1={digest}" for digest in digests)])
