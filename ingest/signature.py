"""Is this body Stripe's, and fresh? https://docs.stripe.com/webhooks#verify-manually"""

import re
import time
from collections.abc import Sequence

from pydantic import SecretStr
from stripe import SignatureVerificationError, WebhookSignature

# More digits than any time needs would overflow the arithmetic below.
TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignature(Exception):
    """The request is not provably Stripe's: missing, wrong, stale or future-dated signature."""


class SignatureVerifier:
    """Tries every active endpoint secret, so that a secret can be rotated without downtime."""

    def __init__(self, secrets: Sequence[SecretStr], tolerance: int) -> None:
        self._secrets = [secret.get_secret_value() for secret in secrets]
        if not self._secrets or not all(secret.strip() for secret in self._secrets):
            # An empty secret would verify a body that anybody signed with the empty key.
            raise ValueError("SignatureVerifier needs at least one endpoint secret, and none of them empty")
        self._tolerance = tolerance

    def verify(self, body: bytes, header: str | None) -> int:
        """Return the position of the secret that signed the body.

        Raises:
            BadSignature: with the reason; the message repeats neither body nor header.
        """
        if not header:
            raise BadSignature("no Stripe-Signature header")
        if not header.isascii():  # the SDK's comparison would raise TypeError
            raise BadSignature("the Stripe-Signature header is not ASCII")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise BadSignature("the body is not UTF-8") from None
        self._refuse_wrong_time(header)
        for position, secret in enumerate(self._secrets):
            try:
                WebhookSignature.verify_header(text, header, secret)
            except SignatureVerificationError:
                continue
            return position
        raise BadSignature("no active endpoint secret made this signature")

    def _refuse_wrong_time(self, header: str) -> None:
        """Check the age in both directions: the SDK checks none by default and accepts any future time."""
        age = time.time() - _timestamp(header)
        if age > self._tolerance:
            raise BadSignature(f"the signature is {age:.0f} s old, more than {self._tolerance} s")
        if age < -self._tolerance:
            raise BadSignature(f"the signature is dated {-age:.0f} s in the future")


def _timestamp(header: str) -> int:
    for item in header.split(","):
        name, _, value = item.partition("=")
        # The SDK reads the first `t` and signs its integer value, so this must read the same one.
        if name == "t":
            if TIMESTAMP.fullmatch(value):
                return int(value)
            break
    raise BadSignature("the Stripe-Signature header has no timestamp")
