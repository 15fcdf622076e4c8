"""POST /webhooks/stripe: prove that Stripe sent it, make it durable, answer. Nothing else happens here."""

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from billing_core import metrics
from billing_core.event_types import family_of
from billing_core.inbox import AcceptedEvent
from ingest.accept import Acceptor, InboxUnavailable
from ingest.matched import MatchedSecrets
from ingest.signature import BadSignature, SignatureVerifier

log = structlog.get_logger()

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
    """The request gets a 4xx and changes nothing."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class WebhookEndpoint:
    """A plain Starlette route: FastAPI's machinery would double its cost and is not used here."""

    def __init__(
        self,
        verifier: SignatureVerifier,
        matched: MatchedSecrets,
        acceptor: Acceptor,
        *,
        livemode: bool,
        max_body_bytes: int,
    ) -> None:
        self._verifier = verifier
        self._matched = matched
        self._acceptor = acceptor
        self._livemode = livemode
        self._max_body_bytes = max_body_bytes
        self._decoder = msgspec.json.Decoder(Envelope)

    async def post(self, request: Request) -> Response:
        """Answer Stripe: 200 once Redis holds the event, 4xx for what is not Stripe's, 503 to be sent again."""
        try:
            body = await self._read(request)
            envelope = self._verified(body, request.headers.get("stripe-signature"))
        except Refused as refused:
            metrics.REFUSED.labels(refused.code).inc()
            log.warning("webhook.refused", code=refused.code, detail=refused.detail)
            return _refusal(refused)
        return await self._accept(envelope, body)

    async def _read(self, request: Request) -> bytes:
        """Read the body in pieces, so that an endless one is refused before it fills memory."""
        if _announced(request) > self._max_body_bytes:
            raise self._too_large()
        pieces, size = [], 0
        try:
            async for piece in request.stream():
                size += len(piece)
                if size > self._max_body_bytes:
                    raise self._too_large()
                pieces.append(piece)
        except ClientDisconnect:
            raise Refused(400, "incomplete_body", "the sender hung up before the body was complete") from None
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
            raise Refused(400, "bad_body", "the body is not a Stripe event") from None
        if not EVENT_ID.fullmatch(envelope.id):
            raise Refused(400, "bad_body", "the event's id does not look like evt_…")
        return envelope

    async def _accept(self, envelope: Envelope, body: bytes) -> Response:
        family = family_of(envelope.type)
        if family is None:
            metrics.UNHANDLED.inc()
            return _json({"received": True, "ignored": "event type not handled"})
        if envelope.livemode is not self._livemode:
            metrics.WRONG_MODE.inc()
            log.warning("webhook.wrong_mode", event_id=envelope.id, livemode=envelope.livemode)
            return _json({"received": True, "ignored": "livemode does not fit this environment"})
        try:
            new = await self._acceptor.accept(AcceptedEvent(envelope.id, family, body))
        except InboxUnavailable as error:
            metrics.UNAVAILABLE.inc()
            log.error("webhook.inbox_unavailable", event_id=envelope.id, detail=str(error))  # noqa: TRY400  (the reason says it all)
            return _unavailable()
        (metrics.ACCEPTED if new else metrics.DUPLICATES).labels(family).inc()
        return _json({"received": True} if new else {"received": True, "duplicate": True})


def _announced(request: Request) -> int:
    """Return the Content-Length; 0 where there is none or no number, since the body is counted anyway."""
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        return 0


def _refusal(refused: Refused) -> Response:
    # A body left unread would otherwise be received and thrown away for as long as the sender likes.
    headers = {"Connection": "close"} if refused.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else None
    return _json({"error": {"code": refused.code, "message": refused.detail}}, refused.status, headers)


def _unavailable() -> Response:
    body = {"error": {"code": "inbox_unavailable", "message": "not stored; send the event again"}}
    return _json(body, 503, {"Retry-After": RETRY_AFTER})


def _json(body: Mapping[str, object], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
