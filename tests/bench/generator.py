"""Posts requests over keep-alive connections and times each answer.

It shares the machine with what it measures, so it is a plain loop over epoll with prepared bytes: asyncio would cost
more than some of the servers do.
"""

import gc
import re
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from itertools import count, cycle

CONNECTIONS = 32
PATIENCE = 30.0  # s without an answer: the server hangs
_READ = 65536
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class NoAnswer(Exception):
    """The server closed a connection, or answered nothing for long."""


class Answers:
    """What came back, in the order of the answers.

    Attributes:
        began: when the first request was sent, in Unix seconds.
        seconds: from then to the last answer.
        numbers: which request it answers.
        statuses: HTTP's.
        latencies: in seconds; of a paced request since it was due.
        sent_at: Unix seconds, as of `latencies`.
    """

    def __init__(self) -> None:
        self.began = time.time()
        self.seconds = 0.0
        self.numbers = array("L")
        self.statuses = array("H")
        self.latencies = array("d")
        self.sent_at = array("d")

    @property
    def accepted(self) -> list[int]:
        """The numbers of the requests answered with 200."""
        return [number for number, status in zip(self.numbers, self.statuses, strict=True) if status == HTTPStatus.OK]

    @property
    def per_s(self) -> float:
        """Requests answered with 200 in a second."""
        return self.statuses.count(HTTPStatus.OK) / self.seconds


class Generator:
    """Posts to one server of this machine."""

    def __init__(self, port: int, connections: int = CONNECTIONS) -> None:
        self._address = ("127.0.0.1", port)
        self._connections = connections

    def flood(self, requests: Sequence[bytes], seconds: float = float("inf"), *, again: bool = False) -> Answers:
        """Send a connection's next request as soon as its last one is answered.

        Args:
            requests: each is sent once, in this order.
            seconds: after which no further request is sent.
            again: begin anew after the last; for servers that do not dedupe.
        """
        with self._connected() as sockets:
            exchange = _Exchange(requests, sockets)
            order = cycle(range(len(requests))) if again else iter(range(len(requests)))
            _flood(exchange, order, time.perf_counter() + seconds)
            return exchange.finished()

    def pace(self, requests: Sequence[bytes], per_s: float) -> Answers:
        """Send so many requests a second, evenly, whatever the answers; latencies count from when each was due."""
        with self._connected() as sockets:
            exchange = _Exchange(requests, sockets)
            _pace(exchange, 1 / per_s)
            return exchange.finished()

    @contextmanager
    def _connected(self) -> Iterator[dict[int, socket.socket]]:
        """Connect, and keep Python's garbage collector out of the measurement."""
        made = [socket.create_connection(self._address, timeout=PATIENCE) for _ in range(self._connections)]
        gc.collect()
        gc.disable()
        try:
            for one in made:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.settimeout(None)  # with a timeout, each call would make another one to wait first
            yield {one.fileno(): one for one in made}
        finally:
            gc.enable()
            for one in made:
                one.close()


class _Exchange:
    """The requests under way."""

    def __init__(self, requests: Sequence[bytes], sockets: dict[int, socket.socket]) -> None:
        self.requests = requests
        self.sockets = sockets
        self.answers = Answers()
        self._began = time.perf_counter()
        self._under_way: dict[int, tuple[int, float]] = {}
        self._partial: dict[int, bytes] = {}

    def send(self, file: int, number: int, due: float) -> None:
        """Send a request; one at a time on a connection, so that there is always room for it."""
        self._under_way[file] = number, due
        self.sockets[file].sendall(self.requests[number])

    def receive(self, file: int) -> bool:
        """Read what is there; True when the answer is complete."""
        data = self.sockets[file].recv(_READ)
        if not data:
            raise NoAnswer("the server closed a connection")
        if self._partial:
            data = self._partial.pop(file, b"") + data
        status = status_of(data)
        if not status:
            self._partial[file] = data
            return False
        number, due = self._under_way.pop(file)
        answers = self.answers
        answers.numbers.append(number)
        answers.statuses.append(status)
        answers.latencies.append(time.perf_counter() - due)
        answers.sent_at.append(due)
        return True

    @property
    def under_way(self) -> int:
        """How many are not answered yet."""
        return len(self._under_way)

    def finished(self) -> Answers:
        """Return the answers; moments become Unix time."""
        self.answers.seconds = time.perf_counter() - self._began
        offset = self.answers.began - self._began
        self.answers.sent_at = array("d", (moment + offset for moment in self.answers.sent_at))
        return self.answers


def _flood(exchange: _Exchange, order: Iterator[int], deadline: float) -> None:
    with select.epoll() as epoll:
        for file in exchange.sockets:
            epoll.register(file, select.EPOLLIN)
        _send_next(exchange, exchange.sockets, order, deadline)
        while exchange.under_way:
            ready = epoll.poll(PATIENCE)
            if not ready:
                raise NoAnswer(f"no answer for {PATIENCE} s")
            _send_next(exchange, (file for file, _ in ready if exchange.receive(file)), order, deadline)


def _send_next(exchange: _Exchange, free: Iterable[int], order: Iterator[int], deadline: float) -> None:
    for file in free:
        now = time.perf_counter()
        number = next(order, None) if now < deadline else None
        if number is not None:
            exchange.send(file, number, now)


def _pace(exchange: _Exchange, interval: float) -> None:
    began, free, total = time.perf_counter(), deque(exchange.sockets), len(exchange.requests)
    due = ((number, began + number * interval) for number in count())
    number, moment = next(due)
    while number < total or exchange.under_way:
        while free and number < total and moment <= time.perf_counter():
            exchange.send(free.popleft(), number, moment)
            number, moment = next(due)
        wait = max(moment - time.perf_counter(), 0.0) if free and number < total else PATIENCE
        # Not epoll, whose timeout is in whole milliseconds.
        ready, _, _ = select.select(list(exchange.sockets), [], [], wait)
        if not ready and wait == PATIENCE:
            raise NoAnswer(f"no answer for {PATIENCE} s")
        free.extend(file for file in ready if exchange.receive(file))


@lru_cache(maxsize=256)  # servers repeat themselves, but for the date
def status_of(answer: bytes) -> int:
    """Return the status of an HTTP/1.1 answer, or 0 while its end is still to come."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not blank or len(body) < int(length[1] if length else 0):
        return 0
    return int(answer[9:12])
