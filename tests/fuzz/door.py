"""The webhook endpoint without a network and without Redis: what it accepts is kept in a list."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import SecretStr
from starlette.types import Message, Scope

from billing_core.event_types import family_of
from billing_core.inbox import AcceptedEvent
from ingest.failures import Failures
from ingest.signature import SignatureVerifier
from ingest.webhook import EVENT_ID, PATH, WebhookEndpoint
from tests.fake_stripe.signature import sign

SECRET = "whsec_fuzzed"
LIMIT = 4096

Header = tuple[bytes, bytes]


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


@dataclass
class Accepting:
    """Stands where the acceptor stands."""

    accepted: list[AcceptedEvent] = field(default_factory=list)

    async def accept(self, event: AcceptedEvent) -> bool:
        self.accepted.append(event)
        return True

    def note(self, _position: int) -> None:
        """As MatchedSecrets does."""


class Door:
    """Made once: each post begins with nothing accepted."""

    def __init__(self) -> None:
        self._inside = Accepting()
        inside: Any = self._inside
        self._endpoint = WebhookEndpoint(
            SignatureVerifier([SecretStr("whsec_other"), SecretStr(SECRET)], 300),
            inside,
            inside,
            Failures(10**9, (), "fuzz"),
            livemode=False,
            max_body_bytes=LIMIT,
        )
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self._loop.close()

    def post(self, pieces: Sequence[bytes], headers: Iterable[Header] = (), method: str = "POST") -> Answer:
        """Send the pieces; whatever the endpoint raises, is raised here."""
        self._inside.accepted.clear()
        scope: Scope = {"type": "http", "method": method, "path": PATH, "headers": list(headers), "client": None}
        arriving = [_piece(piece, more=number < len(pieces)) for number, piece in enumerate(pieces, start=1)]
        sent = list[Message]()

        async def receive() -> Message:
            return arriving.pop(0) if arriving else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._endpoint(scope, receive, send))
        start, body = sent
        return Answer(start["status"], json.loads(body["body"]))

    def post_unsigned(self, pieces: Sequence[bytes], headers: Iterable[Header] = (), method: str = "POST") -> None:
        """Send what nobody with the secret signed: 4xx, and nothing behind it."""
        answer = self.post(pieces, headers, method)
        assert answer.status in {400, 405, 413}, answer
        assert answer.body.keys() == {"error"}
        assert self._inside.accepted == []

    def post_signed(self, body: bytes) -> AcceptedEvent | None:
        """Send any body, signed. Return the event that was accepted, which is fit for our scripts and a queue."""
        answer = self.post([body], [(b"stripe-signature", sign(body, SECRET).encode())])
        assert answer.status in {200, 400, 413}, answer
        for event in self._inside.accepted:
            assert answer == (200, {"received": True})
            assert EVENT_ID.fullmatch(event.event_id)
            assert family_of(json.loads(body)["type"]) is event.family
            assert event.payload == body
            return event
        return None


def _piece(data: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}
