"""Every answer of the API, as the OpenAPI document has it. A test compares the answers given with these."""

from typing import Any

from ingest.api.idempotency import HEADER
from ingest.api.problems import MEDIA_TYPE
from ingest.api.rows import Accepted, Row
from ingest.api.submit import COMMAND_HEADER

Answers = dict[int | str, dict[str, Any]]

_TEXT = {"schema": {"type": "string"}}
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_MEANINGS = {
    400: "The request cannot be read: the body is no JSON, or the cursor is not ours",
    401: "The token is missing or proves nothing",
    402: "The payment was declined: a result, with Stripe's code and what to do next (only with `Prefer: wait`)",
    403: "The token does not allow this",
    404: "There is no such object, or it is another user's",
    413: "The body is too large",
    422: "The request is not valid; the Idempotency-Key stands for another request;"
    " or Stripe or our rules refused the command (the last only with `Prefer: wait`)",
    429: "Too many calls of this address had no good token",
    500: "Our error, or (only with `Prefer: wait`) a command that failed",
    502: "Stripe refused our request",
    503: "Not now: the database or Stripe is away, or no token can be checked",
}
_HEADERS = {401: "WWW-Authenticate", 403: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}

_COMMAND_HEADERS = {
    HEADER: {"description": "the key sent, or the one made", "required": True, **_TEXT},
    COMMAND_HEADER: {"description": "the command's ID, cmd_…", "required": True, **_TEXT},
    "Preference-Applied": {"description": "wait=N, if it was preferred; at most 30", **_TEXT},
}
_LOCATION = {"Location": {"description": "where it is", "required": True, **_TEXT}}

EVERY = (400, 401, 403, 413, 422, 429, 500, 503)


def problems(*more: int) -> Answers:
    """Return the problems that every call can get, and these."""
    return {status: _problem(status) for status in sorted({*EVERY, *more})}


def command_answers(*, status: int, row: type[Row], meaning: str) -> Answers:
    """Return the answers of a call that submits a command and, on success, gives this row."""
    headers = _COMMAND_HEADERS | (_LOCATION if status == 201 else {})  # noqa: PLR2004  (HTTP's own number)
    accepted = {
        "model": Accepted,
        "description": "On record, and to be done; its Location tells how it stands",
        "headers": _COMMAND_HEADERS | _LOCATION,
    }
    done = {"model": row, "description": f"{meaning} (only with `Prefer: wait`)", "headers": headers}
    return {status: done, 202: accepted} | problems(402, 404)


def _problem(status: int) -> dict[str, Any]:
    headers = {_HEADERS[status]: {"required": True, **_TEXT}} if status in _HEADERS else {}
    return {"description": _MEANINGS[status], "content": _PROBLEM, "headers": headers}
