"""An event without what identifies a person: what BillingEvents keeps of it. docs/adr/0010 has the reasons.

Nothing that a row is made of is taken out: an event read again from what is kept comes to the same row.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from billing_core.personal_fields import METADATA, PERSONAL

# Stands where something was: that there was an e-mail address stays readable.
REDACTED = "[redacted]"

# Shorter texts than that stand in every error.
_TELLING = 3

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class Redaction:
    """Takes out what the lists name."""

    def __init__(self, metadata_kept: Iterable[str] = ()) -> None:
        """Take the keys of metadata that stay beside our own."""
        self._metadata = METADATA.union(metadata_kept)

    def strip(self, event: dict[str, Any]) -> None:
        """Take it out of an event's body, in place: it is done for every event, and costs as much as parsing it."""
        for key, value in event.items():
            kind = type(value)
            if key in PERSONAL:
                if value and value is not True:  # that there was nothing, or only yes and no, tells of nobody
                    event[key] = REDACTED
            elif kind is dict:
                if key == "metadata":
                    event[key] = {name: value[name] for name in self._metadata.intersection(value)}
                else:
                    self.strip(value)
            elif kind is list:
                self._strip_each(value)

    def _strip_each(self, values: list[Any]) -> None:
        for one in values:
            if type(one) is dict:
                self.strip(one)
            elif type(one) is list:
                self._strip_each(one)

    def scrubbed(self, text: str, event: Any) -> str:
        """Return a text, such as a traceback, without what would be taken out of this event."""
        for value in sorted(set(self._taken(event)), key=len, reverse=True):
            for spelled in {value, repr(value)[1:-1], json.dumps(value)[1:-1]}:
                text = text.replace(spelled, REDACTED)
        return text

    def _taken(self, node: Any, *, personal: bool = False) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield from self._taken(value, personal=personal or key in PERSONAL)
                if key == "metadata" and isinstance(value, dict):
                    others = [one for name, one in value.items() if name not in self._metadata]
                    yield from self._taken(others, personal=True)
        elif isinstance(node, list):
            for one in node:
                yield from self._taken(one, personal=personal)
        elif personal and isinstance(node, str) and len(node) >= _TELLING and node != REDACTED:
            yield node


def parsed(body: bytes | str) -> Any:
    """Read JSON as leniently as can be: an event that died of something odd in it is redacted, too.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is too deep.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # refuses lone surrogates and large numbers
        return json.loads(body)


def compact(event: Any) -> str:
    """Return an event as JSON without white space, which would be a third of what Stripe sends."""
    try:
        return _encoder.encode(event).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
        return json.dumps(event, separators=(",", ":"))
