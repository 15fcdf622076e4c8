"""What any bytes are fed to. A target returns; it raises where something is broken."""

import json
from collections.abc import Callable

from billing_core.errors import NeverRetry
from billing_core.events import decode_event
from billing_core.facts import Query
from billing_core.shapes import app_of
from tests.fuzz.door import Door
from workers import handlers

_SEPARATOR = b"\n--\n"
_DOOR = Door()


def unsigned(data: bytes) -> None:
    """A header and a body in pieces, as bytes say, without the secret."""
    signature, *pieces = data.split(_SEPARATOR)
    _DOOR.post_unsigned(pieces, [(b"stripe-signature", signature), (b"content-length", signature[:8])])


def signed(data: bytes) -> None:
    """A signed body: it is accepted or refused."""
    _DOOR.post_signed(data)


def event(data: bytes) -> None:
    """A signed payload at the worker: read, or malformed by name."""
    try:
        found = decode_event("evt_1", data)
        _, told = handlers.read(found)
    except NeverRetry:
        return
    assert found.object_id is None or isinstance(found.object_id, str)
    if not isinstance(told, Query):
        app_of(found.data.object)


def shaped(data: bytes) -> None:
    """The same for each type in turn: the bytes are the object, which else would have to be found by chance."""
    names = sorted(handlers.HANDLERS)
    name = names[data[0] % len(names)] if data else names[0]
    body = {"id": "evt_1", "type": name, "created": 1_790_000_000, "livemode": False, "data": {"object": "OBJECT"}}
    event(json.dumps(body).encode().replace(b'"OBJECT"', data[1:]))


_EACH = (unsigned, signed, event, shaped)


def each(data: bytes) -> None:
    """One of them, as the first byte says: all in one process, for a short run."""
    _EACH[data[0] % len(_EACH) if data else 0](data[1:])


TARGETS: dict[str, Callable[[bytes], None]] = {target.__name__: target for target in (*_EACH, each)}
