import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing_core.cli.options import JsonOption
from billing_core.user_ids import LARGEST_USER_ID

if TYPE_CHECKING:
    from config.settings import Settings

_MINUTE = 60  # s


def make(
    user_id: Annotated[int | None, typer.Option("--user", help="Users.UserID.", min=1, max=LARGEST_USER_ID)] = None,
    admin: Annotated[bool, typer.Option("--admin", help="With the scope billing:admin, as services have it.")] = False,
    minutes: Annotated[int, typer.Option(help="Until it expires.", min=1, max=7 * 24 * 60)] = 60,
    as_json: JsonOption = False,
) -> None:
    """Make a token of the API for development. There are none for production: its issuer makes them."""
    if user_id is None and not admin:
        raise typer.BadParameter("give --user, --admin or both")
    from billing_core.cli.output import show_json
    from config.loading import load_settings

    expires = int(time.time()) + minutes * _MINUTE
    token = _signed(load_settings(), user_id, admin=admin, expires=expires)
    if as_json:
        show_json({"token": token, "expires_at": datetime.fromtimestamp(expires, UTC)})
    else:
        sys.stdout.write(f"{token}\n")


def _signed(settings: "Settings", user_id: int | None, *, admin: bool, expires: int) -> str:
    """Return a token as the settings demand it.

    Raises:
        SettingsError: tokens are not made here: in production, or when another kind of key checks them.
    """
    import jwt

    from config.settings import SettingsError

    if settings.env == "production":
        raise SettingsError("BILLING_ENV=production: tokens for it are made by its issuer")
    if settings.jwt_secret is None:
        raise SettingsError("BILLING_JWT_SECRET is missing: set the API's, of 32 bytes or more")
    claims: dict[str, Any] = {
        "sub": "billing-cli" if user_id is None else str(user_id),
        "iat": int(time.time()),
        "exp": expires,
        "scope": "billing:admin" if admin else None,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, settings.jwt_secret.get_secret_value(), algorithm="HS256")
