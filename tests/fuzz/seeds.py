"""What coverage-guided fuzzing begins with: real events of all eras, and the words that they are made of."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.fake_stripe.signature import sign
from tests.fuzz.door import SECRET
from workers import handlers

ERAS = Path(__file__).parents[1] / "eras"


def events() -> list[bytes]:
    """Return the bodies."""
    return [path.read_bytes() for path in sorted(ERAS.glob("*/*.json"))]


def seeds(target: str) -> Iterator[bytes]:
    """Return a target's first inputs."""
    for body in events():
        match target:
            case "unsigned":
                yield sign(body, SECRET).encode()[:40] + b"\n--\n" + body[:200] + b"\n--\n" + body[200:400]
            case "shaped":
                event = json.loads(body)
                place = sorted(handlers.HANDLERS).index(event["type"]) if event["type"] in handlers.HANDLERS else 0
                yield bytes([place]) + json.dumps(event["data"]["object"]).encode()
            case "each":
                yield b"\1" + body
                yield b"\2" + body
            case _:
                yield body


def words() -> list[str]:
    """Return every key, in libFuzzer's dictionary format."""
    keys = set[str]()
    for body in events():
        _collect(json.loads(body), keys)
    return [f'"\\"{key}\\":"' for key in sorted(keys) if key.isidentifier()]


def _collect(value: object, keys: set[str]) -> None:
    if isinstance(value, dict):
        keys.update(value)
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _collect(one, keys)
