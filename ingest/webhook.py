"""POST /webhooks/stripe: prove that Stripe sent it, make it durable, answer. Nothing else happens here."""

import re
from collections.abc import Mapping

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from billing_core import metrics
from billing_core.event_types import family_of
from billing_core.inbox import AcceptedEvent
from ingest.accept import Acceptor, InboxUnavailable
from ingest.failures import Failures
from ingest.matched import MatchedSecrets
from ingest.request_id import HEADER, request_id
from ingest.signature import BadSignature, SignatureVerifier

log = structlog.get_logger()

PATH = "/webhooks/stripe"

# The scripts put event IDs into messages and patterns as they are, so their alphabet is checked at the door.
EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,250}")

RETRY_AFTER = "5"


class Envelope(msgspec.Struct):
    """As much of an event as the endpoint needs. https://docs.stripe.com/api/events/object"""

    id: str
    type: str
    created: int | str  # a string in thin events
    livemode: bool


class Refused(Exception):
    """The request gets a 4xx and changes nothing. `unproven`: it was not shown to be Stripe's."""

    def __init__(self, status: int, code: str, detail: str, *, unproven: bool = True) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.unproven = unproven


class WebhookEndpoint:
    """An ASGI application of its own in front of FastAPI's, whose machinery costs more than all that is done here."""

    def __init__(
        self,
        verifier: SignatureVerifier,
        matched: MatchedSecrets,
        acceptor: Acceptor,
        failures: Failures,
        *,
        livemode: bool,
        max_body_bytes: int,
    ) -> None:
        self._verifier = verifier
        self._matched = matched
        self._acceptor = acceptor
        self._failures = failures
        self._livemode = livemode
        self._max_body_bytes = max_body_bytes
        self._decoder = msgspec.json.Decoder(Envelope)

    def use(self, verifier: SignatureVerifier) -> None:
        """Verify with this one from the next request on. What notes who matched must know the same secrets."""
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer Stripe: 200 once Redis holds the event, 4xx for what is not Stripe's, 503 to be sent again."""
        try:
            response = await self._answer(scope, receive)
        except Refused as refused:
            response = self._refusal(refused, scope)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            raise Refused(405, "method_not_allowed", "Stripe sends events by POST")
        headers = Headers(scope=scope)
        body = await self._read(headers, receive)
        envelope = self._verified(body, headers.get("stripe-signature"))
        return await self._accept(envelope, body, scope)

    def _refusal(self, refused: Refused, scope: Scope) -> Response:
        metrics.REFUSED.labels(refused.code).inc()
        wait = self._failures.note(scope) if refused.unproven else None
        if wait is not None:
            return _refusal(refused, 429, {"Retry-After": str(wait), "Connection": "close"})
        own_id = request_id(scope)
        log.warning("webhook.refused", request_id=own_id, code=refused.code, reason=refused.detail)
        return _refusal(refused, refused.status, {HEADER: own_id, **_HEADERS.get(refused.status, {})})

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        """Read the body in pieces, so that an endless one is refused before it fills memory."""
        if _announced(headers) > self._max_body_bytes:
            raise self._too_large()
        pieces, size, more = list[bytes](), 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "incomplete_body", "the sender hung up before the body was complete")
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > self._max_body_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
        return b"".join(pieces)

    def _too_large(self) -> Refused:
        return Refused(413, "body_too_large", f"the body is larger than {self._max_body_bytes} bytes")

    def _verified(self, body: bytes, header: str | None) -> Envelope:
        try:
            self._matched.note(self._verifier.verify(body, header))
        except BadSignature as error:
            raise Refused(400, "bad_signature", str(error)) from error
        try:
            envelope = self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            raise Refused(400, "bad_body", "the body is not a Stripe event", unproven=False) from None
        if not EVENT_ID.fullmatch(envelope.id):
            raise Refused(400, "bad_body", "the event's id does not look like evt_…", unproven=False)
        return envelope

    async def _accept(self, envelope: Envelope, body: bytes, scope: Scope) -> Response:
        family = family_of(envelope.type)
        if family is None:
            metrics.UNHANDLED.inc()
            return UNHANDLED
        if envelope.livemode is not self._livemode:
            metrics.WRONG_MODE.inc()
            own_id = request_id(scope)
            log.warning("webhook.misdirected", request_id=own_id, event_id=envelope.id, livemode=envelope.livemode)
            return WRONG_MODE
        try:
            new = await self._acceptor.accept(AcceptedEvent(envelope.id, family, body))
        except InboxUnavailable as error:
            metrics.UNAVAILABLE.inc()
            own_id = request_id(scope)
            log.error("webhook.not_stored", request_id=own_id, event_id=envelope.id, reason=str(error))  # noqa: TRY400  (the reason says it all)
            return _unavailable(own_id)
        return RECEIVED if new else DUPLICATE


def _announced(headers: Headers) -> int:
    """Return the Content-Length; 0 where there is none or no number, since the body is counted anyway."""
    try:
        return int(headers.get("content-length", "0"))
    except ValueError:
        return 0


# A body left unread would otherwise be received and thrown away for as long as the sender likes.
_HEADERS = {405: {"Allow": "POST"}, 413: {"Connection": "close"}}


def _refusal(refused: Refused, status: int, headers: dict[str, str]) -> Response:
    return _json({"error": {"code": refused.code, "message": refused.detail}}, status, headers)


def _unavailable(own_id: str) -> Response:
    body = {"error": {"code": "inbox_unavailable", "message": "not stored; send the event again"}}
    return _json(body, 503, {"Retry-After": RETRY_AFTER, HEADER: own_id})


def _json(body: Mapping[str, object], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


# Made once: an answer can be sent any number of times.
RECEIVED = _json({"received": True})
DUPLICATE = _json({"received": True, "duplicate": True})
UNHANDLED = _json({"received": True, "ignored": "event type not handled"})
WRONG_MODE = _json({"received": True, "ignored": "livemode does not fit this environment"})


class WebhookFirst:
    """ASGI middleware that takes webhooks out of the stream of requests."""

    def __init__(self, app: ASGIApp, endpoint: WebhookEndpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to whom it is for."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._endpoint(scope, receive, send)
        else:
            await self._app(scope, receive, send)
