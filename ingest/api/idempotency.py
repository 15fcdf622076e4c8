"""The `Idempotency-Key` header, and what it is called in the ledger. docs/adr/0005-idempotency-key-422.md"""

import hashlib
import uuid
from typing import Annotated

from fastapi import Header

from ingest.api.auth import Caller

HEADER = "Idempotency-Key"
LONGEST = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[\x20-\x7e]+$",
        description="1 to 255 printable characters, with or without the draft's quotes."
        " The same key and body get the same answer; without a key one is made and returned.",
    ),
]


def key_of(header: str | None) -> str:
    """Return the caller's key, or a new one. The IETF's draft writes it in quotes, everybody else without."""
    key = header or str(uuid.uuid4())
    quoted = len(key) > len('""') and key[0] == key[-1] == '"'
    return key[1:-1] if quoted else key


def ledger_key(caller: Caller, key: str) -> str:
    """Return the key under which the ledger has the caller's command.

    Services share one space of keys, by HTTP and by Celery. Each user has their own: nobody can take a key that a
    service, or somebody else, is going to use.
    """
    if caller.admin:
        return key
    scoped = f"{caller.subject}:{key}"
    return scoped if len(scoped) <= LONGEST else f"{caller.subject}:{hashlib.sha256(key.encode()).hexdigest()}"


def shown_key(caller: Caller, stored: str) -> str:
    """Return a ledger's key as the caller knows it."""
    return stored if caller.admin else stored.removeprefix(f"{caller.subject}:")
