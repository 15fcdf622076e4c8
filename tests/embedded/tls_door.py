"""TLS in front of an embedded server, which none of the wheels has itself: what stunnel does."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

# libpq asks for TLS in the clear, and waits for this word. https://www.postgresql.org/docs/current/protocol-flow.html
_SSL_REQUEST, _YES = b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S"


class Authority:
    """Signs certificates; `ca` is the file to trust, `client` and `client_key` what a client shows."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        directory.mkdir(parents=True, exist_ok=True)
        self.ca, self.client, self.client_key = (directory / name for name in ("ca.pem", "client.pem", "client.key"))
        self._authority.cert_pem.write_to_path(str(self.ca))
        shown = self._authority.issue_cert("billing@example.com")
        shown.cert_chain_pems[0].write_to_path(str(self.client))
        shown.private_key_pem.write_to_path(str(self.client_key))

    def server_context(self, name: str, *, asks_client: bool) -> ssl.SSLContext:
        """Return what a server of this name speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        if asks_client:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@contextmanager
def tls_door(target: int, context: ssl.SSLContext, *, postgres: bool = False) -> Iterator[int]:
    """Give the port on 127.0.0.1 behind which the server at the port `target` is reached, by TLS only."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    door = _Door(target, context, postgres=postgres)

    async def serve() -> None:
        async with await door.open() as server:
            started.set()
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve_forever()
        await door.close()

    running = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(running,))
    thread.start()
    started.wait(10)
    try:
        yield door.port
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join()
        loop.close()


class _Door:
    def __init__(self, target: int, context: ssl.SSLContext, *, postgres: bool) -> None:
        self.port = 0
        self._target = target
        self._context = context
        self._postgres = postgres
        self._guests = set[asyncio.Task[None]]()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._enter, "127.0.0.1", 0, ssl=None if self._postgres else self._context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def close(self) -> None:
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._guests.add(task)
        task.add_done_callback(self._guests.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self._postgres:
                assert await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST
                writer.write(_YES)
                await writer.start_tls(self._context)
            there, here = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await _first(_pump(reader, here), _pump(there, writer))
            finally:
                here.close()
        writer.close()


async def _first(*pumps: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
