"""Coming and going."""

import re
import secrets
from http import HTTPStatus

import jwt
import structlog
from starlette.responses import RedirectResponse, Response

from billing_core.errors import BillingError, RetryLater
from ingest.api.errors import ApiError, AuthenticationNotConfigured, KeysUnavailable
from ingest.console import templating
from ingest.console.desk import Desk, Visit, record
from ingest.console.errors import ConsoleError, NotLoggedIn
from ingest.console.operators import Operator
from ingest.console.page import LOGIN, token_operator
from ingest.failures import address_of

log = structlog.get_logger()

HOME = "/console/"

# Where to go after the login: a page of ours and nothing else, whatever the address said.
_OWN_PAGE = re.compile(r"/console/(?!.*\.\.)[\w./-]*(\?[\w.%&=+-]*)?", re.ASCII)


def login_form(desk: Desk, visit: Visit) -> Response:
    """Show the form; who is logged in already goes on."""
    try:
        desk.sessions.find(visit.request)
    except NotLoggedIn:
        return _form(desk, visit)
    return RedirectResponse(_next(visit.request.query_params.get("next", "")), HTTPStatus.SEE_OTHER)


def log_in(desk: Desk, visit: Visit) -> Response:
    """Check name and password, or a token, and begin a session."""
    token, name = visit.form.get("token", "").strip(), visit.form.get("name", "").strip()
    address = address_of(visit.request.scope, desk.settings.trusted_proxies)
    try:
        with desk.attempts.one(None if token else name, address):
            operator, until = _by_token(desk, token) if token else (_by_password(desk, visit, name), None)
    except (ConsoleError, ApiError) as error:
        log.warning("console.login_refused", reason=type(error).__name__, by="token" if token else "password")
        return _form(desk, visit, error)
    session = desk.sessions.begin(operator, until)
    _record(desk, Visit(visit.request, operator=operator), "console.login")
    response = RedirectResponse(_next(visit.form.get("next", "")), HTTPStatus.SEE_OTHER)
    desk.sessions.keep(session, response)
    return response


def logout(desk: Desk, visit: Visit) -> Response:
    """End the session, also for whoever copied its cookie."""
    response = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    if visit.session:
        desk.sessions.end(visit.session, response)
        _record(desk, visit, "console.logout")
    return response


def _by_password(desk: Desk, visit: Visit, name: str) -> Operator:
    return desk.operators.authenticate(name, visit.form.get("password", ""))


def _by_token(desk: Desk, token: str) -> tuple[Operator, float]:
    """Return who has the token, and when it ends: the session must not outlive it."""
    operator = token_operator(desk, f"Bearer {token}")
    return operator, float(jwt.decode(token, options={"verify_signature": False})["exp"])


def _record(desk: Desk, visit: Visit, action: str) -> None:
    try:
        with desk.writing() as session:
            record(session, visit, action)
    except RetryLater as error:
        # While the database is away, somebody must be able to come in and see that it is. The log has the line.
        log.warning("console.not_recorded", action=action, subject=visit.subject, error=type(error).__name__)


def _form(desk: Desk, visit: Visit, error: BillingError | None = None) -> Response:
    token = desk.sessions.form_token(visit.request) or secrets.token_urlsafe(16)
    following = visit.form.get("next") or visit.request.query_params.get("next", "")
    response = templating.plain(
        "login.html",
        status=_status(error),
        csrf=token,
        next=_next(following),
        problem=str(error) if error else None,
        by_password=bool(desk.operators),
        by_token=desk.verifier.configured,
    )
    desk.sessions.offer_form(token, response)
    return response


def _status(error: BillingError | None) -> HTTPStatus:
    match error:
        case None:
            return HTTPStatus.OK
        case ConsoleError():
            return error.status
        case KeysUnavailable() | AuthenticationNotConfigured():
            return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNAUTHORIZED


def _next(address: str) -> str:
    return address if _OWN_PAGE.fullmatch(address) and not address.startswith(LOGIN) else HOME
