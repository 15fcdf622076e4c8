"""Seals: texts that nobody reads who has the database alone. AES-256-GCM, bound to the event that they belong to."""

import hashlib
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from billing_core.sealed import FINGERPRINT, SEALED, CannotOpen, key_of

_NONCE_BYTES = 12  # NIST SP 800-38D: random ones are good for four billion texts of a key
_FAST = 1  # of zlib: what is sealed no database can compress


class Seals:
    """Seals with the first key, opens with each."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes."""
        self._ciphers = {fingerprint(key): AESGCM(key) for key in keys}
        self.newest = fingerprint(keys[0])

    def seal(self, event_id: str, text: str) -> str:
        """Return the text, sealed."""
        nonce = os.urandom(_NONCE_BYTES)
        packed = zlib.compress(text.encode(), _FAST)
        sealed = self._ciphers[self.newest].encrypt(nonce, packed, event_id.encode())
        return f"{SEALED}{self.newest}:{b64encode(nonce + sealed).decode()}"

    def open(self, event_id: str, sealed: str) -> str:
        """Return what was sealed.

        Raises:
            CannotOpen: its key is missing, or it is not what was sealed for this event.
        """
        key = key_of(sealed)
        if key not in self._ciphers:
            raise CannotOpen.without(event_id, key)
        try:
            raw = b64decode(sealed.removeprefix(f"{SEALED}{key}:"), validate=True)
            packed = self._ciphers[key].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], event_id.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen(f"{event_id}: its payload was changed, or is another event's") from None
        return zlib.decompress(packed).decode()


def fingerprint(key: bytes) -> str:
    """Return what a key is called by: it says nothing about the key."""
    return hashlib.sha256(b"billing event data key\0" + key).hexdigest()[:FINGERPRINT]
