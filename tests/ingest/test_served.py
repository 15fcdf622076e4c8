"""The endpoint as it is run: uvicorn, TCP, and a Redis that stops, dies and comes back."""

import asyncio
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from config.queues import Family
from config.settings import Settings
from tests.embedded.redis_server import RedisServer
from tests.ingest.deliveries import PATH, contents, event_body, opened, post, queue_of, served, settings_for

pytestmark = pytest.mark.anyio

LIMIT = 64 * 1024
PATIENCE = 0.3  # s, the accept timeout of these tests
MARGIN = 2.0  # s, for a loaded machine


async def test_same_event_posted_100_times_at_once_is_new_once(settings: Settings) -> None:
    body = event_body("evt_1")
    with served(settings) as one, served(settings) as another:  # as two processes would: no memory is shared
        async with httpx.AsyncClient(base_url=one) as first, httpx.AsyncClient(base_url=another) as second:
            answers = await asyncio.gather(*(post((first, second)[number % 2], body) for number in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json() == {"received": True} for answer in answers) == 1
    assert sum(answer.json() == {"received": True, "duplicate": True} for answer in answers) == 99
    assert len(queue_of(settings.redis_url, Family.INVOICE)) == 1


def test_announced_size_beyond_the_limit_is_refused_before_the_body_is_sent(redis_url: str) -> None:
    with served(settings_for(redis_url, max_body_bytes=LIMIT)) as address, connected(address) as connection:
        connection.sendall(head(f"Content-Length: {LIMIT + 1}"))
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer
    assert contents(redis_url) == {}


def test_endless_body_is_cut_off_soon_after_the_limit(redis_url: str) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    sent, answer = 0, b""
    with served(settings_for(redis_url, max_body_bytes=LIMIT)) as address, connected(address) as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        connection.setblocking(False)
        deadline = time.monotonic() + 10
        while not answer and time.monotonic() < deadline:
            sent += some_sent(connection, chunk)
            answer = some_received(connection)
        connection.settimeout(10)
        answer += received(connection)  # ends only when the server closes
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 16 * 1024 * 1024  # what the sockets and uvicorn hold between them
    assert contents(redis_url) == {}


def connected(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def head(header: str) -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nHost: ingest\r\n{header}\r\n\r\n".encode()


def received(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:  # it closed with bytes of ours unread
        pass
    return b"".join(pieces)


def some_received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except BlockingIOError:
        return b""


def some_sent(connection: socket.socket, data: bytes) -> int:
    try:
        return connection.send(data)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        return 0


async def test_standing_redis_gives_503_in_time_and_never_200(own_redis: RedisServer) -> None:
    async with opened(settings_for(own_redis.url, accept_timeout=PATIENCE)) as client:
        assert (await post(client, event_body("evt_0"))).status_code == 200
        own_redis.pause()
        began = time.monotonic()
        answers = await asyncio.gather(*(post(client, event_body(f"evt_{number}")) for number in range(1, 20)))
        took = time.monotonic() - began
        own_redis.resume()
        for answer in answers:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["error"]["code"] == "inbox_unavailable"
        assert took < PATIENCE + MARGIN
        assert (await answered(client, event_body("evt_20"))).json() == {"received": True}


async def test_event_refused_while_redis_stood_still_is_taken_when_sent_again(own_redis: RedisServer) -> None:
    async with opened(settings_for(own_redis.url, accept_timeout=PATIENCE)) as client:
        own_redis.pause()
        assert (await post(client)).status_code == 503
        own_redis.resume()
        await answered(client, event_body())
        # It may have been new the first time: the command was on its way. One message in any case.
        assert (await post(client)).json() == {"received": True, "duplicate": True}
    assert len(queue_of(own_redis.url, Family.INVOICE)) == 1


async def test_redis_that_died_and_came_back_is_used_again(own_redis: RedisServer) -> None:
    async with opened(settings_for(own_redis.url, accept_timeout=PATIENCE)) as client:
        assert (await post(client, event_body("evt_1"))).status_code == 200
        own_redis.kill()
        for number in range(2, 5):
            assert (await post(client, event_body(f"evt_{number}"))).status_code == 503
        own_redis.restart()
        assert (await answered(client, event_body("evt_5"))).json() == {"received": True}
        assert (await post(client, event_body("evt_1"))).json() == {"received": True, "duplicate": True}


async def test_redis_that_died_unnoticed_costs_no_event_a_refusal(own_redis: RedisServer) -> None:
    async with opened(settings_for(own_redis.url)) as client:
        await post(client, event_body("evt_1"))
        own_redis.kill()
        own_redis.restart()
        for _ in range(3):
            await asyncio.sleep(0)  # the event loop sees meanwhile that the connection is closed
        assert (await post(client, event_body("evt_2"))).json() == {"received": True}


async def answered(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    """Post until it is received, as Stripe does: a loaded machine may be slower than the short timeout here."""
    for _ in range(20):
        answer = await post(client, body)
        if answer.status_code == 200:
            return answer
    raise AssertionError(answer.text)
