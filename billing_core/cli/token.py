import sys
import time
from typing import Annotated, Any

import jwt
import typer

from billing_core.owners import LARGEST_USER_ID
from config.loading import load_settings
from config.settings import Settings, SettingsError

_MINUTE = 60  # s


def make(
    user_id: Annotated[int | None, typer.Option("--user", help="Users.UserID", min=1, max=LARGEST_USER_ID)] = None,
    admin: Annotated[bool, typer.Option("--admin", help="With the scope billing:admin, as services have it")] = False,
    minutes: Annotated[int, typer.Option(help="Until it expires", min=1, max=7 * 24 * 60)] = 60,
) -> None:
    """Make a token for development: `billing token --user 7`, `billing token --admin`."""
    if user_id is None and not admin:
        raise typer.BadParameter("give --user, --admin or both")
    sys.stdout.write(_signed(load_settings(), user_id, admin=admin, minutes=minutes) + "\n")


def _signed(settings: Settings, user_id: int | None, *, admin: bool, minutes: int) -> str:
    """Return a token as the settings demand it.

    Raises:
        SettingsError: tokens are not made here: in production, or when another kind of key checks them.
    """
    if settings.env == "production":
        raise SettingsError("BILLING_ENV=production: tokens for it are made by its issuer")
    if settings.jwt_secret is None:
        raise SettingsError("BILLING_JWT_SECRET is missing: set the API's, of 32 bytes or more")
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": "billing-cli" if user_id is None else str(user_id),
        "iat": now,
        "exp": now + minutes * _MINUTE,
        "scope": "billing:admin" if admin else None,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, settings.jwt_secret.get_secret_value(), algorithm="HS256")
