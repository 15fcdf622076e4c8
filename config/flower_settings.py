"""Flower's settings, and who may see it: whoever reaches it can stop workers and start tasks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from config.forms import Port, split

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  (where Flower is found if it listens there)

_OAUTH = ("flower_oauth_key", "flower_oauth_secret", "flower_oauth_redirect_uri", "flower_oauth_emails")
_PASSWORD_LENGTH = 12  # Flower does not slow down who guesses


class FlowerSettings(BaseSettings):
    """A part of the settings."""

    flower_port: Port = 5555
    flower_address: str = LOOPBACK
    flower_url_prefix: str | None = Field(None, pattern=r"^/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*/?$")
    flower_db: str = Field("var/flower", min_length=1)
    flower_basic_auth: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = ()
    flower_oauth_provider: Literal["google", "github", "gitlab"] | None = None
    flower_oauth_key: str | None = None
    flower_oauth_secret: SecretStr | None = None
    flower_oauth_redirect_uri: str | None = Field(None, pattern=r"^https?://")
    flower_oauth_emails: str | None = Field(None, pattern=r"^[^\s*|]+(\|[^\s*|]+)*$|^\.\*@[^\s*|]+$")
    task_events: bool = True

    @property
    def flower_root(self) -> str:
        """Flower's path: empty, or the prefix with a slash before it."""
        return f"/{self.flower_url_prefix.strip('/')}" if self.flower_url_prefix else ""

    @property
    def flower_url(self) -> str:
        """Where Flower is found on its own machine."""
        host = LOOPBACK if self.flower_address in _EVERYWHERE else self.flower_address
        return f"http://{host}:{self.flower_port}{self.flower_root}"

    @property
    def flower_asks_who(self) -> bool:
        """Whether Flower lets in only whom it knows."""
        return bool(self.flower_basic_auth or self.flower_oauth_provider)

    @field_validator("flower_basic_auth")
    @classmethod
    def _are_users_with_passwords(cls, users: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for user in users:
            name, _, password = user.get_secret_value().partition(":")
            if not name or len(password) < _PASSWORD_LENGTH:
                raise ValueError(
                    f"every user between the commas must be name:password, {_PASSWORD_LENGTH} or more long"
                )
        return users

    def flower_problems(self) -> Iterator[str]:
        """Yield what does not fit together, by field in braces."""
        if self.flower_basic_auth and self.flower_oauth_provider:
            yield "{flower_basic_auth} and {flower_oauth_provider} exclude each other: set one"
        if self.flower_oauth_provider:
            yield from (
                f"{{{name}}} is missing beside {{flower_oauth_provider}}" for name in _OAUTH if not getattr(self, name)
            )
