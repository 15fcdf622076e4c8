"""Errors as RFC 9457 problem documents: one table from error to HTTP. https://www.rfc-editor.org/rfc/rfc9457"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from billing_core.commands import InvalidArguments, KeyReused
from billing_core.errors import RetryLater, StripeObjectMissing, StripeRefused, StripeUnavailable
from ingest.api import errors

T = TypeVar("T")

MEDIA_TYPE = "application/problem+json"

_RETRY_AFTER = 5  # s


class InvalidField(BaseModel):
    """One thing that is wrong with the request."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body, as a URI fragment")
    parameter: str | None = Field(None, description="the parameter of the path, the query or the header")


class Problem(BaseModel):
    """RFC 9457. `detail` is our own text; nothing of Stripe's message is repeated."""

    type: str = Field(description="urn:billing:problem: and the code of the family")
    title: str
    status: int
    detail: str
    instance: str = Field(description="the path called, or the command that this is about")
    code: str = Field(description="what programs switch on; of a command, Stripe's or our own code")
    command_id: str | None = None
    request_id: str | None = Field(None, description="Stripe's ID of its request, for its support")
    decline_code: str | None = Field(None, description="https://docs.stripe.com/declines/codes")
    param: str | None = Field(None, description="the parameter of Stripe's API that is at fault")
    next_step: str | None = Field(None, description="what to do about it")
    errors: list[InvalidField] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """What a family of errors is over HTTP."""

    status: int
    code: str
    title: str


_INTERNAL = Kind(500, "internal_error", "Our error")
_INVALID = Kind(422, "invalid_request", "The request is not valid")

KINDS: Mapping[type[Exception], Kind] = {
    errors.NoToken: Kind(401, "missing_token", "A bearer token is needed"),
    errors.InvalidToken: Kind(401, "invalid_token", "The token is not valid"),
    errors.TooManyFailures: Kind(429, "too_many_failures", "Too many calls without a good token"),
    errors.NotAllowed: Kind(403, "not_allowed", "The token does not allow this"),
    errors.AuthenticationNotConfigured: Kind(503, "authentication_not_configured", "No token can be checked"),
    errors.KeysUnavailable: Kind(503, "keys_unavailable", "No token can be checked now"),
    errors.NotFound: Kind(404, "not_found", "Not found"),
    errors.NoClientSecret: Kind(404, "no_client_secret", "No authentication is needed"),
    errors.InvalidCursor: Kind(400, "invalid_cursor", "The cursor is not valid"),
    errors.CommandDeclined: Kind(402, "declined", "The payment was declined"),
    errors.CommandRefused: Kind(422, "refused", "The command was refused"),
    errors.CommandFailed: Kind(500, "failed", "The command failed"),
    InvalidArguments: Kind(422, "invalid_arguments", "The command's arguments are not valid"),
    KeyReused: Kind(422, "idempotency_key_reused", "The Idempotency-Key was used for another request"),
    StripeObjectMissing: Kind(404, "not_found", "Stripe has no such object"),
    StripeRefused: Kind(502, "stripe_refused", "Stripe refused our request"),
    StripeUnavailable: Kind(503, "stripe_unavailable", "Stripe cannot be asked now"),
    RetryLater: Kind(503, "unavailable", "Not now"),
    RequestValidationError: _INVALID,
    Exception: _INTERNAL,
}

# The text of these is written elsewhere, for the log.
_DETAILS: Mapping[type[Exception], str] = {
    KeyReused: "this key stands for another command, or for other arguments: make a new key for a new command",
    StripeObjectMissing: "it is not there (any more)",
    StripeRefused: "see the log for Stripe's code and request",
    StripeUnavailable: "nothing was changed; try again",
    RetryLater: "try again with the same Idempotency-Key",
    RequestValidationError: "see errors",
    InvalidArguments: "see errors",
    Exception: "it is in our log; try again with the same Idempotency-Key",
}


def problem_response(error: Exception, instance: str) -> Response:
    """Return the error as a problem document about the path that was called."""
    problem = _problem(error, instance)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, _headers(error, problem.status), media_type=MEDIA_TYPE)


def _problem(error: Exception, instance: str) -> Problem:
    match error:
        case HTTPException():
            return _http_problem(error, instance)
        case errors.Unfulfilled():
            return _command_problem(error)
        case RequestValidationError():
            return _validation_problem(error, instance)
        case InvalidArguments():
            wrong = [InvalidField.model_validate({"detail": problem}) for problem in error.problems]
            return _made(error, instance, errors=wrong)
    return _made(error, instance)


def _made(error: Exception, instance: str, **more: Any) -> Problem:
    kind = _of(KINDS, error)
    detail = str(error) if isinstance(error, errors.ApiError) else _of(_DETAILS, error)
    values = {"title": kind.title, "status": kind.status, "detail": detail, "code": kind.code} | more
    return Problem(type=f"urn:billing:problem:{kind.code}", instance=instance, **values)


def _command_problem(error: errors.Unfulfilled) -> Problem:
    reason, command = error.command.error or {}, error.command
    named = {
        name: reason[name] for name in ("code", "decline_code", "param", "next_step", "request_id") if reason.get(name)
    }
    return _made(error, f"/api/billing/commands/{command.command_id}", command_id=command.command_id, **named)


def _http_problem(error: HTTPException, instance: str) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    return Problem(
        type="about:blank", title=phrase, status=error.status_code, detail=phrase, instance=instance, code=code
    )


def _validation_problem(error: RequestValidationError, instance: str) -> Problem:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _made(error, instance, status=400, code="malformed_json", title="The body is not JSON")
    return _made(
        error, instance, errors=[_field(one["loc"], one["msg"].removeprefix("Value error, ")) for one in found]
    )


def _field(location: tuple[int | str, ...], message: str) -> InvalidField:
    """Name the place as RFC 9457 does; the value found there may be secret and is left out."""
    where, *path = location
    if where != "body":
        return InvalidField(detail=message, pointer=None, parameter=".".join(map(str, path)))
    steps = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return InvalidField(detail=message, pointer=f"#{steps}", parameter=None)


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = dict[str, str]()
    match status:
        case 401:
            invalid = isinstance(error, errors.InvalidToken)
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if invalid else "Bearer"
        case 403:
            headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope", scope="billing:admin"'
        case 413:
            headers["Connection"] = "close"  # what is left of the body is not read
        case 429 | 503:
            seconds = getattr(error, "retry_after", None)
            headers["Retry-After"] = str(_RETRY_AFTER if seconds is None else max(1, math.ceil(seconds)))
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    return headers


def _of(table: Mapping[type[Exception], T], error: Exception) -> T:
    return next(table[cls] for cls in type(error).__mro__ if cls in table)
