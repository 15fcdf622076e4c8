"""What no server can beat: a plain loop that reads a post and answers with a constant; the generator's own ceiling."""

import select
import socket

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{"received":true}'
# Only an event's last line begins with a brace.
END = b"\n}"


def serve(port: int) -> None:
    """Serve for ever."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as server, select.epoll() as epoll:
        epoll.register(server, select.EPOLLIN)
        connections: dict[int, socket.socket] = {}
        while True:
            for file, _ in epoll.poll():
                if file == server.fileno():
                    connection, _ = server.accept()
                    connections[connection.fileno()] = connection
                    epoll.register(connection, select.EPOLLIN)
                else:
                    _answer(connections, file)


def _answer(connections: dict[int, socket.socket], file: int) -> None:
    data = connections[file].recv(65536)
    if not data:
        connections.pop(file).close()
    elif data.endswith(END) or data.startswith(b"GET "):
        connections[file].sendall(ANSWER)
