"""Stripe's form encoding: `items[0][price]=p` to and from nested values, and typed access to it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.fake_stripe.errors import Json, invalid, missing_parameter

SEGMENT = re.compile(r"\[([^\]]*)\]")


def unflatten(pairs: Iterable[tuple[str, str]]) -> Json:
    """Nest bracketed keys; numeric and empty brackets make lists."""
    tree: Json = {}
    for key, value in pairs:
        head, *rest = key.split("[", 1)
        segments = [head, *SEGMENT.findall("[" + rest[0])] if rest else [head]
        _place(tree, segments, value)
    return {key: _listify(value) for key, value in tree.items()}


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the pairs that `unflatten` would nest into `value`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}[{key}]" if prefix else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{prefix}[{index}]")
    elif value is not None:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def _place(tree: Json, segments: list[str], value: str) -> None:
    node = tree
    for segment in segments[:-1]:
        deeper = node.setdefault(segment, {})
        if not isinstance(deeper, dict):
            raise invalid(f"Invalid parameter: {segments[0]}", param=segments[0])
        node = deeper
    last = segments[-1] or str(len(node))
    node[last] = value


def _listify(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listify(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


class Params:
    """A request's parameters; an empty string unsets, as with Stripe."""

    def __init__(self, values: Json, prefix: str = "") -> None:
        self.values = values
        self._prefix = prefix

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def name(self, key: str) -> str:
        """Return the key as the client wrote it, for error messages."""
        return f"{self._prefix}[{key}]" if self._prefix else key

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a string, `default` when absent, None when sent empty."""
        value = self.values.get(key, default)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {value}", param=self.name(key))
        return value

    def required(self, key: str) -> str:
        """Return a string that must be there."""
        value = self.text(key)
        if value is None:
            raise missing_parameter(self.name(key))
        return value

    def integer(self, key: str, default: int | None = None) -> int | None:
        """Return a whole number, refusing anything else."""
        value = self.text(key)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            code = "parameter_invalid_integer"
            raise invalid(f"Invalid integer: {value}", param=self.name(key), code=code) from None

    def boolean(self, key: str, default: bool = False) -> bool:
        """Return a truth value written as Stripe's clients write it."""
        value = self.text(key)
        if value is None:
            return default
        if value.lower() not in {"true", "false", "1", "0"}:
            raise invalid(f"Invalid boolean: {value}", param=self.name(key))
        return value.lower() in {"true", "1"}

    def nested(self, key: str) -> "Params":
        """Return the parameters below `key`, empty when absent."""
        value = self.values.get(key)
        if value in (None, ""):
            return Params({}, self.name(key))
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {value}", param=self.name(key))
        return Params(value, self.name(key))

    def each(self, key: str) -> list["Params"]:
        """Return the parameters of every element of the list at `key`."""
        value = self.values.get(key)
        if value in (None, ""):
            return []
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {value}", param=self.name(key), code="parameter_invalid_empty")
        return [Params(item, f"{self.name(key)}[{index}]") for index, item in enumerate(value)]

    def strings(self, key: str) -> list[str]:
        """Return the list of strings at `key`."""
        value = self.values.get(key) or []
        return [value] if isinstance(value, str) else [str(item) for item in value]

    def metadata(self, current: dict[str, str] | None = None) -> dict[str, str]:
        """Merge sent metadata over `current`; an empty value removes its key, `metadata=""` all."""
        sent = self.values.get("metadata")
        if sent == "":
            return {}
        merged = dict(current or {}) | dict(sent or {})
        return {key: value for key, value in merged.items() if value != ""}
