"""The body of a form, and whether it is one of ours that its own browser sent."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from ingest.console.errors import BadForm, Forged

LARGEST = 64 * 1024
MOST_FIELDS = 50

TOKEN = "csrf"  # noqa: S105  (the field's name)

_MEDIA_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a POST; of a name that comes twice, the last.

    Raises:
        BadForm: it is no form, or too large.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise BadForm("this is no form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise BadForm("the form is too large")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        raise BadForm("the form cannot be read") from None


def require_ours(request: Request, form: Mapping[str, str], token: str | None, *, secure: bool) -> None:
    """Refuse a form that another site's page made this browser send.

    Raises:
        Forged: it is, or its session has ended.
    """
    _require_own_origin(request, secure=secure)
    if not token or not hmac.compare_digest(token.encode(), form.get(TOKEN, "").encode(errors="replace")):
        raise Forged("this form is of a session that has ended: go back, reload the page and try again")


def _require_own_origin(request: Request, *, secure: bool) -> None:
    """Compare what the browser says of the page that sent the form; each says one of both."""
    origin = request.headers.get("origin")
    if origin is None:
        good = request.headers.get("sec-fetch-site") == "same-origin"
    else:
        sender = urlsplit(origin)
        good = sender.netloc == request.headers.get("host") and (not secure or sender.scheme == "https")
    if not good:
        raise Forged("this form was sent by another site's page")
