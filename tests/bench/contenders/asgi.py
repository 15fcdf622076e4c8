"""The limits: ASGI applications that do ever more of what accepting an event takes, and nothing else.

No framework, no checks beyond the signature, no metrics, no timeouts: what a perfect endpoint could not be faster than.
"""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from hashlib import sha1
from itertools import chain
from typing import Any

import msgspec
from redis.asyncio import Redis

from tests.bench.requests import SECRET

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Batch = Sequence[tuple[str, bytes]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Dedupe and hand over, as small as it can be.
SCRIPT = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX') then
  redis.call('LPUSH', KEYS[2], ARGV[2])
  return 1
end
return 0
"""
# The same for as many as there are, in one call. KEYS: the queue, then each event's. ARGV: each event's ID and body.
BATCH_SCRIPT = """
for event = 1, #KEYS - 1 do
  if redis.call('SET', KEYS[1 + event], ARGV[2 * event], 'NX') then
    redis.call('LPUSH', KEYS[1], ARGV[2 * event - 1])
  end
end
return #KEYS - 1
"""
EVENT = "limit:event:"
QUEUE = "limit:queue"

_BODY = b'{"received":true}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


class _Named(msgspec.Struct):
    id: str


_decode = msgspec.json.Decoder(_Named).decode


def raw() -> Application:
    """Make one that reads the body and answers."""

    async def application(_scope: Scope, receive: Receive, send: Send) -> None:
        await _read(receive)
        await _answer(send, 200)

    return application


def verifying() -> Application:
    """Make one that verifies the signature, too."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        await _answer(send, 200 if _verified(scope, body) else 400)

    return application


def scripted() -> Application:
    """Make one that calls Redis for each request, too."""
    script = Redis.from_url(os.environ["REDIS_URL"]).register_script(SCRIPT)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if not _verified(scope, body):
            return await _answer(send, 400)
        event_id = _decode(body).id
        await script(keys=[EVENT + event_id, QUEUE], args=[body, event_id])
        return await _answer(send, 200)

    return application


def sharing() -> Application:
    """Make one whose requests share a pipeline, if they came while the last one was under way."""
    redis = Redis.from_url(os.environ["REDIS_URL"])
    digest = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

    async def call(batch: Batch) -> None:
        async with redis.pipeline(transaction=False) as pipeline:
            for event_id, body in batch:  # a registered script would first ask Redis whether it has it
                pipeline.evalsha(digest, 2, EVENT + event_id, QUEUE, body, event_id)
            await pipeline.execute()

    return _together(redis, SCRIPT, call)


def batching() -> Application:
    """Make one whose requests share a call of a script, if they came while the last one was under way."""
    redis = Redis.from_url(os.environ["REDIS_URL"])
    script = redis.register_script(BATCH_SCRIPT)

    async def call(batch: Batch) -> None:
        await script(keys=[QUEUE, *(EVENT + event_id for event_id, _ in batch)], args=list(chain.from_iterable(batch)))

    return _together(redis, BATCH_SCRIPT, call)


def _together(redis: Redis, script: str, call: Callable[[Batch], Awaitable[None]]) -> Application:
    door = Door(redis, script, call)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if not _verified(scope, body):
            return await _answer(send, 400)
        await door.store(_decode(body).id, body)
        return await _answer(send, 200)

    return application


class Door:
    """Requests in flight share a round trip."""

    def __init__(self, redis: Redis, script: str, call: Callable[[Batch], Awaitable[None]]) -> None:
        self._redis = redis
        self._script = script
        self._call = call
        self._waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def store(self, event_id: str, body: bytes) -> None:
        """Return when Redis holds the event."""
        loop = asyncio.get_running_loop()
        stored = loop.create_future()
        self._waiting.append((event_id, body, stored))
        if self._running is None:
            self._running = loop.create_task(self._drain())
        await stored

    async def _drain(self) -> None:
        if self._script:
            await self._redis.script_load(self._script)
            self._script = ""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._call([(event_id, body) for event_id, body, _ in batch])
            for _, _, stored in batch:
                stored.set_result(None)
        self._running = None


async def _read(receive: Receive) -> bytes:
    message = await receive()
    if not message["more_body"]:
        return bytes(message["body"])
    pieces = [message["body"]]
    while message["more_body"]:
        message = await receive()
        pieces.append(message["body"])
    return b"".join(pieces)


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


def _verified(scope: Scope, body: bytes) -> bool:
    header = dict(scope["headers"]).get(b"stripe-signature", b"")
    moment, _, digest = header.removeprefix(b"t=").partition(b",v1=")
    signed = hmac.digest(SECRET.encode(), moment + b"." + body, "sha256").hex()
    return hmac.compare_digest(signed.encode(), digest)
