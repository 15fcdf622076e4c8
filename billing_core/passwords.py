"""The console's passwords, kept as scrypt hashes in the settings and nowhere else. RFC 7914"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

# 32 MB and three turns, about a quarter of a second: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
COST, BLOCK, TURNS = 15, 8, 3

_SALT_BYTES, _HASH_BYTES = 16, 32
_FORM = re.compile(
    r"scrypt\.(?P<cost>\d{1,2})\.(?P<block>\d{1,2})\.(?P<turns>\d{1,2})\.(?P<salt>[\w-]+)\.(?P<hash>[\w-]+)"
)


class NoHash(ValueError):
    """This is no hash that `hash_password` made."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A hash and how it was made."""

    cost: int
    block: int
    turns: int
    salt: bytes
    hash: bytes

    @classmethod
    def read(cls, text: str) -> "PasswordHash":
        """Read what `hash_password` wrote.

        Raises:
            NoHash: nobody here wrote it.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise NoHash("not of the form scrypt.15.8.3.<salt>.<hash>")
        cost, block, turns = (int(found[name]) for name in ("cost", "block", "turns"))
        try:
            return cls(cost, block, turns, _bytes(found["salt"]), _bytes(found["hash"]))
        except binascii.Error:
            raise NoHash("salt or hash is cut short") from None

    def fits(self, password: str) -> bool:
        """Whether it is this password's; it takes the same time either way."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.cost, self.block, self.turns), self.hash)


def hash_password(password: str, cost: int = COST) -> str:
    """Return a hash that can stand in an environment variable: no comma, colon or dollar sign."""
    salt = secrets.token_bytes(_SALT_BYTES)
    made = _scrypt(password, salt, cost, BLOCK, TURNS)
    return f"scrypt.{cost}.{BLOCK}.{TURNS}.{_text(salt)}.{_text(made)}"


def _scrypt(password: str, salt: bytes, cost: int, block: int, turns: int) -> bytes:
    memory = 128 * block * (2**cost + turns + 2)
    return hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=salt,
        n=2**cost,
        r=block,
        p=turns,
        maxmem=memory,
        dklen=_HASH_BYTES,
    )


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
