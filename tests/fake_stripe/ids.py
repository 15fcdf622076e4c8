"""Object IDs as Stripe writes them: prefix, era digit, mixed-case tail, all from one seed."""

from random import Random
from string import ascii_letters, digits

ALPHABET = digits + ascii_letters

# Old object types kept their short IDs; 24 characters is the rule for the rest.
SHORT = {"cus": 14, "prod": 14, "si": 14, "req": 14, "seed": 8}

# Payments are numbered in era 3, everything else in era 1.
ERA = {"pi": "3", "ch": "3", "re": "3", "txn": "3"}


class IdGenerator:
    """Gives the same IDs in the same order for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def new(self, prefix: str) -> str:
        """Return a fresh ID such as `sub_1Rk…` or `cus_S3…`."""
        if prefix in SHORT:
            return f"{prefix}_{self.tail(SHORT[prefix])}"
        return f"{prefix}_{ERA.get(prefix, '1')}{self.tail(23)}"

    def tail(self, length: int) -> str:
        """Return `length` characters of Stripe's alphabet."""
        return "".join(self._random.choices(ALPHABET, k=length))

    def secret(self, object_id: str) -> str:
        """Return the client secret that belongs to an intent."""
        return f"{object_id}_secret_{self.tail(25)}"
