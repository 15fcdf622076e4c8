import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from tests.bench import generator
from tests.bench.generator import Generator, NoAnswer, status_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REQUESTS = [b"%03d" % number for number in range(100)]


class Server:
    """Takes requests of three bytes, and does with each connection what it is told."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self.received: list[int] = []
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(3):
                self.received.append(int(request))
                self._answer(connection, request)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket, bytes], None]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket, bytes], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Serve = Callable[[Callable[[socket.socket, bytes], None]], Server]


def accept(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(OK)


def test_flood_sends_every_request_once(serve: Serve) -> None:
    server = serve(accept)
    answers = Generator(server.port, connections=4).flood(REQUESTS)
    assert sorted(answers.numbers) == sorted(server.received) == list(range(100))
    assert sorted(answers.accepted) == list(range(100))
    assert answers.per_s == pytest.approx(100 / answers.seconds)
    assert 0 < max(answers.latencies) <= answers.seconds


def test_flood_begins_anew_until_time_is_up(serve: Serve) -> None:
    server = serve(accept)
    answers = Generator(server.port, connections=2).flood(REQUESTS[:3], seconds=0.2, again=True)
    assert len(answers.numbers) > 3
    assert set(answers.numbers) == {0, 1, 2}
    assert answers.seconds == pytest.approx(0.2, abs=0.15)


def test_refused_requests_are_told_from_accepted_ones(serve: Serve) -> None:
    def refuse_odd(connection: socket.socket, request: bytes) -> None:
        connection.sendall(OK if int(request) % 2 == 0 else OK.replace(b"200", b"503"))

    answers = Generator(serve(refuse_odd).port, connections=4).flood(REQUESTS)
    assert sorted(answers.accepted) == list(range(0, 100, 2))
    assert answers.statuses.count(HTTPStatus.SERVICE_UNAVAILABLE) == 50


def test_answer_may_come_in_pieces(serve: Serve) -> None:
    def dribble(connection: socket.socket, _request: bytes) -> None:
        for position in range(0, len(OK), 20):
            connection.sendall(OK[position : position + 20])
            time.sleep(0.001)

    answers = Generator(serve(dribble).port, connections=2).flood(REQUESTS[:10])
    assert sorted(answers.accepted) == list(range(10))


def test_pace_sends_evenly_and_counts_latency_from_when_a_request_was_due(serve: Serve) -> None:
    def stall_once(connection: socket.socket, request: bytes) -> None:
        time.sleep(0.2 if request == b"000" else 0)
        connection.sendall(OK)

    answers = Generator(serve(stall_once).port, connections=1).pace(REQUESTS[:10], per_s=100)
    due = sorted(answers.sent_at)
    assert [moment - due[0] for moment in due] == pytest.approx([number / 100 for number in range(10)], abs=1e-5)
    # The second waited for the first, which held the only connection.
    assert answers.latencies[1] == pytest.approx(0.19, abs=0.05)
    assert answers.sent_at[0] == pytest.approx(answers.began, abs=0.05)


def test_closed_connection_is_no_answer(serve: Serve) -> None:
    def hang_up(connection: socket.socket, _request: bytes) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(NoAnswer):
        Generator(serve(hang_up).port, connections=1).flood(REQUESTS)


def test_silence_is_no_answer(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "PATIENCE", 0.1)
    server = serve(lambda _connection, _request: None)
    with pytest.raises(NoAnswer, match=r"0\.1 s"):
        Generator(server.port, connections=1).flood(REQUESTS)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (OK, 200),
        (OK[:-1], 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ],
)
def test_status_is_known_when_the_answer_is_complete(answer: bytes, status: int) -> None:
    assert status_of(answer) == status
