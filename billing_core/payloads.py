"""BillingEvents.EventData: the one place that says what is written there, and that reads it."""

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from billing_core.redaction import Redaction, compact, parsed
from billing_core.sealed import CannotOpen, is_sealed, key_of
from config.settings import Settings

if TYPE_CHECKING:
    from billing_core.sealing import Seals


class Payloads:
    """Writes events without what is personal, sealed if there are keys; reads what was written."""

    def __init__(self, keys: Sequence[bytes] = (), metadata_kept: Iterable[str] = ()) -> None:
        """Take the keys, the newest first, and the keys of metadata that are kept beside our own."""
        self._seals = _seals(keys) if keys else None
        self._redaction = Redaction(metadata_kept)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return them as the settings want it."""
        keys = [b64decode(key.get_secret_value()) for key in settings.event_data_keys]
        return cls(keys, settings.metadata_kept)

    @property
    def newest_key(self) -> str | None:
        """The fingerprint of the key that seals; None if nothing is sealed."""
        return self._seals.newest if self._seals else None

    def kept(self, event_id: str, event: dict[str, Any]) -> str:
        """Return what is stored of an event's body, from which it takes out, in place, what is not."""
        self._redaction.strip(event)
        return self._sealed(event_id, compact(event))

    def kept_of_any(self, event_id: str, body: bytes | str) -> str:
        """Return what is stored of a body that may be no event, not even JSON.

        Where in such a text a name stands, nobody can say. It is kept whole if it can be sealed; else its length and
        its hash are, by which it can be compared with what Stripe has.
        """
        try:
            event = parsed(body)
            if isinstance(event, dict):
                return self.kept(event_id, event)
        except (ValueError, RecursionError):
            pass
        raw = body if isinstance(body, bytes) else body.encode(errors="replace")
        if self._seals:
            return self._seals.seal(event_id, raw.decode(errors="replace"))
        return compact({"unreadable": {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}})

    def read(self, event_id: str, stored: str | None) -> str | None:
        """Return the payload that is stored of an event, opened; None if it is not kept any more.

        Raises:
            CannotOpen: it is sealed, and the key is missing or the seal broken.
        """
        if stored is None or not is_sealed(stored):
            return stored
        if self._seals is None:
            raise CannotOpen.without(event_id, key_of(stored))
        return self._seals.open(event_id, stored)

    def resealed(self, event_id: str, stored: str) -> str:
        """Return the payload that is stored of an event, under the seal of the newest key.

        Raises:
            CannotOpen: it is sealed, and the key is missing or the seal broken.
        """
        return self._sealed(event_id, self.read(event_id, stored) or "")

    def scrubbed(self, text: str, body: bytes) -> str:
        """Return a text about an event without what is not kept of the event."""
        try:
            return self._redaction.scrubbed(text, parsed(body))
        except (ValueError, RecursionError):
            return text

    def _sealed(self, event_id: str, text: str) -> str:
        return self._seals.seal(event_id, text) if self._seals else text


PLAIN = Payloads()
"""Without keys: what a process uses that is configured without any."""


def _seals(keys: Sequence[bytes]) -> "Seals":
    # Only here: who has no keys need not load AES at the start.
    from billing_core.sealing import Seals  # noqa: PLC0415

    return Seals(keys)
