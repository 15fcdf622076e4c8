"""What happens around every page: who asks is known first, forms are checked, and trouble becomes a page, too."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import structlog
from anyio.to_thread import run_sync
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from billing_core.errors import RetryLater
from billing_core.sealed import CannotOpen
from ingest.api.errors import ApiError
from ingest.console import templating
from ingest.console.desk import Desk, Visit
from ingest.console.errors import ConsoleError, NotLoggedIn
from ingest.console.forms import read_form, require_ours
from ingest.console.operators import Operator, Role

log = structlog.get_logger()

Handler = Callable[[Desk, Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

LOGIN = "/console/login"


@dataclass(frozen=True, slots=True)
class Door:
    """Makes routes, each with what must be true before its handler is asked."""

    desk: Desk

    def get(self, path: str, handler: Handler) -> Route:
        """Return a page that everybody who is logged in may see."""
        return Route(path, self._guarded(handler, Role.READ), methods=["GET"], name=handler.__name__)

    def post(self, path: str, handler: Handler, role: Role = Role.ADMIN) -> Route:
        """Return an action."""
        return Route(path, self._guarded(handler, role), methods=["POST"], name=handler.__name__)

    def open(self, path: str, handler: Handler, method: str) -> Route:
        """Return a page for who is not logged in (yet)."""
        return Route(path, self._answering(handler, self._anybody), methods=[method], name=handler.__name__)

    def _guarded(self, handler: Handler, role: Role) -> Endpoint:
        def arrive(request: Request, form: dict[str, str]) -> Visit:
            visit = self._operators(request, form)
            visit.require(role)
            return visit

        return self._answering(handler, arrive)

    def _answering(self, handler: Handler, arrive: Callable[[Request, dict[str, str]], Visit]) -> Endpoint:
        def work(request: Request, form: dict[str, str]) -> Response:
            visit = arrive(request, form)
            response = handler(self.desk, visit)
            if visit.session and visit.request.url.path != "/console/logout":
                self.desk.sessions.renew(visit.session, response)
            return response

        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request) if request.method == "POST" else {}
                return await run_sync(work, request, form, limiter=self.desk.threads)
            except Exception as error:  # noqa: BLE001  (the operator gets a page, the log the rest)
                return trouble(request, error)

        return endpoint

    def _operators(self, request: Request, form: dict[str, str]) -> Visit:
        """Return the visit of somebody who is logged in, by the cookie or by a token in the header.

        Raises:
            NotLoggedIn: nobody is.
            Forged: the form is not of this session.
        """
        if authorization := request.headers.get("authorization"):
            # No browser sends it by itself, so that no other site's page can make one.
            return Visit(request, form, token_operator(self.desk, authorization))
        session = self.desk.sessions.find(request)
        if not self.desk.operators.still(session.operator):
            raise NotLoggedIn("this user is no longer one of the console's")
        if request.method == "POST":
            require_ours(request, form, session.csrf, secure=self.desk.secure)
        return Visit(request, form, session.operator, session)

    def _anybody(self, request: Request, form: dict[str, str]) -> Visit:
        if request.method == "POST":
            require_ours(request, form, self.desk.sessions.form_token(request), secure=self.desk.secure)
        return Visit(request, form)


def token_operator(desk: Desk, authorization: str) -> Operator:
    """Return who has this bearer token, which needs the scope `billing:admin`.

    Raises:
        ApiError: it proves nothing.
        ConsoleError: it is a user's, and the console shows everybody's rows.
    """
    caller = desk.verifier.caller(authorization)
    if not caller.admin:
        raise NotLoggedIn("the token lacks the scope billing:admin")
    return Operator(caller.subject, Role.ADMIN)


def trouble(request: Request, error: Exception) -> Response:
    """Return the page that says what is wrong; what is nobody's fault here goes to the log."""
    if isinstance(error, NotLoggedIn) and request.method == "GET" and "authorization" not in request.headers:
        return RedirectResponse(_login_address(request), HTTPStatus.SEE_OTHER)
    status, text = _told(error)
    match status:
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("console.failed", path=request.url.path, exc_info=error)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            log.warning("console.unserved", path=request.url.path, error=type(error).__name__)
    response = templating.plain("trouble.html", status=status, text=text)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _told(error: Exception) -> tuple[HTTPStatus, str]:
    """Return what the operator is told; nothing of an unforeseen error's own words."""
    away = "does not answer, or not in time. Events are accepted and kept meanwhile; reload this page later."
    match error:
        case ConsoleError():
            told = error.status, str(error)
        case ApiError():
            told = HTTPStatus.UNAUTHORIZED, str(error)
        case RedisError() | OSError():
            told = HTTPStatus.SERVICE_UNAVAILABLE, f"Redis {away}"
        case CannotOpen():
            told = HTTPStatus.CONFLICT, str(error)
        case RetryLater():
            told = HTTPStatus.SERVICE_UNAVAILABLE, f"The database {away}"
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            told = HTTPStatus.NOT_FOUND, "There is no such page."
        case HTTPException():
            told = HTTPStatus(error.status_code), "This cannot be done here."
        case ClientDisconnect():
            told = HTTPStatus.BAD_REQUEST, "The browser has gone."
        case _:
            told = HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed. The log says why (console.failed)."
    return told


def _login_address(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{LOGIN}?next={quote(request.url.path + query, safe='')}"
