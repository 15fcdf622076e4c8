"""The keys of a process, known by fingerprints, never by themselves."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from pydantic import SecretStr

from billing_core.webhook_secrets import fingerprint
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """What a process tells of its keys.

    Attributes:
        api_key: fingerprint of the key that it asks Stripe with; None if it has none.
        endpoint_secrets: fingerprints of the secrets that it verifies deliveries with.
        problem: why it has not taken the keys that its files have now.
    """

    api_key: str | None
    endpoint_secrets: tuple[str, ...] = ()
    problem: str | None = None

    @classmethod
    def of(cls, settings: Settings, problem: str | None = None) -> Self:
        """Name the keys that the settings hold."""
        return cls(api_key_name(settings.stripe_secret_key), endpoint_secret_names(settings), problem)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what a process told."""
        return cls(value["api_key"], tuple(value["endpoint_secrets"]), value["problem"])


def api_key_name(key: SecretStr | None) -> str | None:
    """Return what an API key is called where it must not be shown."""
    return None if key is None else sha256(b"billing API key " + key.get_secret_value().encode()).hexdigest()[:12]


def endpoint_secret_names(settings: Settings) -> tuple[str, ...]:
    """Return what the endpoint secrets are called where they must not be shown."""
    return tuple(fingerprint(secret.get_secret_value()) for secret in settings.stripe_webhook_secrets)
