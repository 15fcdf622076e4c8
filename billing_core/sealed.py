"""How a sealed text is told from a plain one. Whoever only reads plain ones needs no cryptography."""

from billing_core.errors import RetryLater

# No JSON begins so. The fingerprint of the key follows, a colon, and the sealed text in base64.
SEALED = "sealed:1:"

FINGERPRINT = 12  # characters


class CannotOpen(RetryLater):
    """A sealed payload cannot be read until its key is back."""

    @classmethod
    def without(cls, event_id: str, key: str) -> "CannotOpen":
        """Its key is missing."""
        return cls(f"{event_id}: its payload is sealed with key {key}, which is not among BILLING_EVENT_DATA_KEYS")


def is_sealed(stored: str) -> bool:
    """Whether what is stored is sealed."""
    return stored.startswith(SEALED)


def key_of(sealed: str) -> str:
    """Return the fingerprint of the key that opens it."""
    return sealed.removeprefix(SEALED).partition(":")[0]
