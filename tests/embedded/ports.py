import random
import socket

# Below 32768, where Linux begins to take the near ends of outgoing connections from. A port from there can be
# lost to a client, even to one that retries this very port while its server is down: TCP lets such a client
# connect to itself, and the server cannot come back.
_LOWEST, _HIGHEST = 15_000, 32_000

_random = random.SystemRandom()  # parallel test processes may have seeded the usual one alike


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment.

    Somebody may take it before the caller does: a server that cannot bind asks again.
    """
    while True:
        port = _random.randint(_LOWEST, _HIGHEST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
