"""Who may use the console, and what they may do there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from billing_core.passwords import NoHash, PasswordHash, hash_password
from config.settings import SettingsError
from ingest.console.errors import WrongCredentials

# As in the log and in BillingActions.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")

_FORM = (
    "BILLING_CONSOLE_USERS: each user must be name:read:hash or name:admin:hash, as `billing console-password` prints"
)


class Role(StrEnum):
    """What somebody may do."""

    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is at work: a user of the console (`console:jo`), or a service's token (`service:…`)."""

    subject: str
    role: Role


class Operators:
    """The console's users, as BILLING_CONSOLE_USERS names them."""

    def __init__(self, entries: Sequence[SecretStr]) -> None:
        """Read the users.

        Raises:
            SettingsError: an entry has another form, or two have one name.
        """
        self._users: dict[str, tuple[Role, PasswordHash]] = {}
        for entry in entries:
            name, role, password = _read(entry.get_secret_value())
            if name in self._users:
                raise SettingsError(f"BILLING_CONSOLE_USERS names {name} twice")
            self._users[name] = role, password
        # Checked for a name that nobody has: the answer takes as long as for one that somebody has.
        costs = [password.cost for _, password in self._users.values()]
        self._nobody = PasswordHash.read(hash_password("", max(costs))) if costs else None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._users)

    def authenticate(self, name: str, password: str) -> Operator:
        """Return who has this name and password.

        Raises:
            WrongCredentials: nobody has.
        """
        role, known = self._users.get(name, (Role.READ, self._nobody))
        good = known is not None and known.fits(password)
        if not good or known is self._nobody:
            raise WrongCredentials("name and password do not fit")
        return Operator(f"console:{name}", role)

    def still(self, operator: Operator) -> bool:
        """Whether a session's operator is still one of ours, with the same role."""
        origin, _, name = operator.subject.partition(":")
        return origin != "console" or (name in self._users and self._users[name][0] is operator.role)


def _read(entry: str) -> tuple[str, Role, PasswordHash]:
    name, _, rest = entry.partition(":")
    role, _, hashed = rest.partition(":")
    try:
        if NAME.fullmatch(name):
            return name, Role(role), PasswordHash.read(hashed)
    except (ValueError, NoHash):
        pass
    raise SettingsError(_FORM)
