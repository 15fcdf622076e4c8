import json
import re
import secrets
import sys
from typing import Annotated

import typer

from billing_core.passwords import hash_password

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")

# NIST SP 800-63B asks for 15 characters where a password is all there is.
_SHORTEST = 15


def make(
    name: Annotated[str, typer.Argument(help="How the user logs in, and is named in the audit trail.")],
    admin: Annotated[bool, typer.Option("--admin", help="May act; without it, look only.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for a password, instead of making one up.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> None:
    """Make a user of the console: a password, told this once, and the entry for BILLING_CONSOLE_USERS.

    The entry holds a hash. Put it into the setting, after a comma where there are others, and restart the console.
    """
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("a name has up to 64 letters, digits and _ . - @, and begins with a letter or digit")
    password = _asked() if ask else secrets.token_urlsafe(18)
    entry = f"{name}:{'admin' if admin else 'read'}:{hash_password(password)}"
    if as_json:
        sys.stdout.write(json.dumps({"name": name, "password": None if ask else password, "entry": entry}) + "\n")
        return
    if not ask:
        sys.stderr.write(f"password: {password}\n")
    sys.stdout.write(f"{entry}\n")


def _asked() -> str:
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(password) < _SHORTEST:
        raise typer.BadParameter(f"the password must have {_SHORTEST} characters or more")
    return password
