"""What this run gives its processes: the settings that are set win, embedded parts fill the gaps."""

import os
import secrets
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from billing_core.passwords import hash_password
from config.loading import load_settings
from config.settings import VARIABLES, Settings
from tests.embedded.ports import free_port
from tests.fake_stripe import FakeStripe
from tests.run.errors import CannotRun
from tests.run.procfile import ROOT

CONSOLE_USER = "operator"

_LOOPBACK = "127.0.0.1,localhost"


@dataclass(frozen=True)
class Parts:
    """Which parts are embedded, because no setting names another."""

    database: bool
    redis: bool
    stripe: bool


def choose_parts(settings: Settings) -> Parts:
    """Decide what is embedded.

    Raises:
        CannotRun: these are production's settings, or a real key came without the secret that verifies its webhooks.
    """
    if settings.env == "production":
        raise CannotRun("BILLING_ENV=production: this command is for development")
    given = settings.model_fields_set
    stripe = settings.stripe_secret_key is None
    if not stripe and not settings.stripe_webhook_secrets:
        raise CannotRun(
            "STRIPE_WEBHOOK_SECRET is missing: set it to the whsec_… that this prints and go on with it running: "
            f"{listen_command(settings.port)}"
        )
    return Parts("database_url" not in given, "redis_url" not in given, stripe)


def listen_command(port: int) -> str:
    """Return the command by which Stripe's CLI forwards a real account's events to a run."""
    return f"stripe listen --forward-to {webhook_url(port)}"


def webhook_url(port: int) -> str:
    """Return where Stripe posts events."""
    return f"http://127.0.0.1:{port}/webhooks/stripe"


def choose_token_key(settings: Settings) -> Settings:
    """Make up the key that the API's tokens are checked with, unless one is set."""
    configured = settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url
    return settings if configured else export(jwt_secret=secrets.token_urlsafe(32))


def choose_console(settings: Settings) -> str | None:
    """Open the console for one user, and return the password made up for it; None where users or a secret are set."""
    if settings.console_users or settings.console_secret:
        return None
    password = secrets.token_urlsafe(9)
    export(console_secret=secrets.token_urlsafe(32), console_users=f"{CONSOLE_USER}:admin:{hash_password(password)}")
    return password


def choose_ports(settings: Settings) -> Settings:
    """Settle on the ports; a default that is taken gives way to a free one.

    Raises:
        CannotRun: a port was asked for and is taken.
    """
    return export(**{field: _free_port(settings, field) for field in ("port", "flower_port", "console_port")})


def _free_port(settings: Settings, field: str) -> int:
    port: int = getattr(settings, field)
    if not _taken(port):
        return port
    if field in settings.model_fields_set:
        raise CannotRun(f"{VARIABLES[field]}={port}: the port is taken; choose another, or unset it to get a free one")
    return free_port()


def export(**values: str | int) -> Settings:
    """Put settings, by their field names, into the environment that every process inherits; return all of them."""
    os.environ.update({VARIABLES[field]: str(value) for field, value in values.items()})
    return load_settings()


def write_exports(file: Path) -> None:
    """Write what this run's processes are given, secrets too, for a person's shell to source."""
    file.touch(mode=0o600)
    given = {name: value for name in sorted(VARIABLES.values()) if (value := os.environ.get(name))}
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items()))


def export_surroundings() -> None:
    """Let the Procfile's commands be found, and loopback be reached past a company's proxy."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONUNBUFFERED"] = "1"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _LOOPBACK]))


def made_up_stripe() -> dict[str, str]:
    """Return keys that open nothing but this run's fake Stripe."""
    return {
        "stripe_secret_key": FakeStripe.api_key,
        "stripe_webhook_secrets": f"whsec_{secrets.token_hex(16)}",
        "default_price": FakeStripe.price,
    }


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
