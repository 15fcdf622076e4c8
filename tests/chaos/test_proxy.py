"""The proxy of the faults that happen to connections does what they rest on."""

import socket
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import TcpProxy
from tests.embedded.ports import free_port
from tests.embedded.redis_server import RedisServer

PING, PONG = b"PING\r\n", b"+PONG\r\n"


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    with TcpProxy(lambda: redis_server.port) as proxy:
        yield proxy


def connected(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def answer(connection: socket.socket) -> bytes:
    connection.sendall(PING)
    return connection.recv(100)


def test_it_forwards(proxy: TcpProxy) -> None:
    with connected(proxy) as connection:
        assert [answer(connection), answer(connection)] == [PONG, PONG]


def test_frozen_connection_stays_open_and_silent_while_new_ones_work(proxy: TcpProxy) -> None:
    with connected(proxy) as frozen, connected(proxy) as closed:
        assert (answer(frozen), answer(closed)) == (PONG, PONG)
        assert proxy.freeze() == 2
        frozen.settimeout(0.3)
        with pytest.raises(TimeoutError):
            answer(frozen)
        with connected(proxy) as later:
            assert answer(later) == PONG


def test_connection_is_cut_at_once_where_nobody_listens() -> None:
    nobody = free_port()
    with TcpProxy(lambda: nobody) as proxy, connected(proxy) as connection:
        assert connection.recv(100) == b""


def test_refusing_proxy_cuts_what_is_open_and_what_comes_until_it_accepts(proxy: TcpProxy) -> None:
    with connected(proxy) as before:
        assert answer(before) == PONG
        proxy.refuse()
        assert before.recv(100) == b""
        with connected(proxy) as meanwhile:
            assert meanwhile.recv(100) == b""
        proxy.accept()
        with connected(proxy) as after:
            assert answer(after) == PONG


def test_proxy_that_stood_still_forwards_what_was_sent_meanwhile(proxy: TcpProxy) -> None:
    with connected(proxy) as before:
        assert answer(before) == PONG
        proxy.stand_still()
        with connected(proxy) as meanwhile:
            for connection in (before, meanwhile):
                connection.sendall(PING)
            before.settimeout(0.3)
            with pytest.raises(TimeoutError):
                before.recv(100)
            proxy.go_on()
            before.settimeout(5)
            assert [connection.recv(100) for connection in (before, meanwhile)] == [PONG, PONG]
