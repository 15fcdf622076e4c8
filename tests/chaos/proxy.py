"""A TCP proxy that can stop forwarding without closing anything: both ends of a frozen connection go on to wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.embedded.ports import free_port

_PIECE = 65_536


class _Connection:
    """One connection through the proxy; what a frozen one receives is thrown away."""

    def __init__(self) -> None:
        self.frozen = False

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                if not self.frozen:
                    target.write(piece)
                    await target.drain()
        target.close()


class TcpProxy:
    """Forwards a loopback port of its own to another, which may be away: then its connections are closed at once."""

    def __init__(self, target: Callable[[], int]) -> None:
        """Take how to find the port to forward to: it is asked at each connection."""
        self.port = free_port()
        self._target = target
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

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._done = asyncio.Event()
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
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection()
        self._open.add(connection)
        try:
            ways: tuple[Any, ...] = (connection.carry(reader, far_writer), connection.carry(far_reader, writer))
            await asyncio.gather(*ways)
        finally:
            self._open.discard(connection)
            for end in (writer, far_writer):
                end.transport.abort()
