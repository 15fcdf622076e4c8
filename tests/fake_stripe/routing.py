"""From method and path to the function that answers; expansion of what it answers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fake_stripe.errors import Json, StripeFailure, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import copied


@dataclass(frozen=True)
class Call:
    """One request as its handler sees it: parameters, and the IDs in the path."""

    method: str
    path: str
    params: Params
    ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The first ID in the path."""
        return self.ids[0]


Handler = Callable[[Sandbox, Call], Json]


@dataclass(frozen=True)
class Route:
    """A method and a path such as `/v1/customers/{id}`, with its handler."""

    method: str
    template: str
    handler: Handler

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression capturing its IDs."""
        return re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.template) + "$")


class Router:
    """The table of routes; the first that fits answers."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._compiled = [(route.method, route.pattern, route) for route in routes]

    def resolve(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """Return the route and the path's IDs, or Stripe's answer for an unknown URL."""
        for wanted, pattern, route in self._compiled:
            match = pattern.match(path)
            if match and wanted == method:
                return route, match.groups()
        message = f"Unrecognized request URL ({method}: {path})."
        raise StripeFailure(404, "invalid_request_error", message)


# Properties that appear only when asked for, and how to make them.
Includable = Callable[[Sandbox, Json], Any]


def expand(sandbox: Sandbox, answer: Json, paths: Sequence[str], includable: dict[str, Includable]) -> Json:
    """Replace IDs by objects along each of `paths` (`latest_invoice.payments`, `data.customer`)."""
    expanded = copied(answer) if paths else answer
    for path in paths:
        _expand(sandbox, expanded, path.split("."), path, includable)
    return expanded


def _expand(sandbox: Sandbox, node: Any, keys: list[str], path: str, includable: dict[str, Includable]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(sandbox, item, keys, path, includable)
        return
    if not isinstance(node, dict) or not keys:
        return
    key, rest = keys[0], keys[1:]
    include = includable.get(f"{node.get('object')}.{key}")
    if include is not None:
        node[key] = include(sandbox, node)
    elif key not in node:
        message = f"This property cannot be expanded ({path})."
        raise invalid(message, param="expand")
    elif isinstance(node[key], str):
        node[key] = copied(sandbox.state.find(node[key])) or node[key]
    elif isinstance(node[key], list):
        found = [sandbox.state.find(item) if isinstance(item, str) else item for item in node[key]]
        node[key] = copied(found)
    _expand(sandbox, node[key], rest, path, includable)
