"""A TCP proxy that does to connections what a server in trouble does to them.

It can stop forwarding without closing anything: both ends of a frozen connection go on to wait.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy import make_url

from tests.embedded.ports import free_port
from tests.sql_server import address_of, moved, with_password

_PIECE = 65_536


class _Connection:
    """One connection through the proxy; what a frozen one receives is thrown away."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self.ends = ends
        self.frozen = False

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, going_on: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                await going_on.wait()
                if not self.frozen:
                    target.write(piece)
                    await target.drain()
        target.close()


class TcpProxy:
    """Forwards a loopback port of its own to another, which may be away: then its connections are closed at once."""

    def __init__(self, target: Callable[[], int], host: str = "127.0.0.1") -> None:
        """Take how to find the port to forward to: it is asked at each connection."""
        self.port = free_port()
        self.refusing = False
        self._target = target
        self._host = host
        self._open: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(10):
            raise RuntimeError(f"the proxy does not listen on port {self.port}")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    def freeze(self) -> int:
        """Let every connection that is open now stand still for ever; later ones work. Return how many that are."""
        frozen = list(self._open)
        for connection in frozen:
            connection.frozen = True
        return len(frozen)

    def refuse(self) -> None:
        """Cut every connection, and each new one at once, as if the server had been killed, until `accept`."""
        self.refusing = True
        self._loop.call_soon_threadsafe(self._cut)

    def accept(self) -> None:
        """Forward new connections again."""
        self.refusing = False

    def stand_still(self) -> None:
        """Forward nothing and lose nothing, as if the server were stopped with SIGSTOP, until `go_on`."""
        self._loop.call_soon_threadsafe(self._going_on.clear)

    def go_on(self) -> None:
        """Forward what was held up, and all that comes."""
        self._loop.call_soon_threadsafe(self._going_on.set)

    def _cut(self) -> None:
        for connection in self._open:
            for end in connection.ends:
                end.transport.abort()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._done, self._going_on = asyncio.Event(), asyncio.Event()
        self._going_on.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self._listening.set()
        await self._done.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next turn

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._going_on.wait()
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        self._open.add(connection)
        try:
            await asyncio.gather(
                connection.carry(reader, far_writer, self._going_on),
                connection.carry(far_reader, writer, self._going_on),
            )
        finally:
            self._open.discard(connection)
            for end in connection.ends:
                end.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.refusing:
            raise ConnectionRefusedError
        return await asyncio.open_connection(self._host, self._target())


@contextmanager
def proxied(database_url: str) -> Iterator[tuple[str, TcpProxy]]:
    """Put a proxy before a database server; give the database's URL through it."""
    url = make_url(database_url)
    host, port = address_of(url)
    with TcpProxy(lambda: port, host) as proxy:
        yield with_password(moved(url, "127.0.0.1", proxy.port)), proxy
