"""A PostgreSQL connection that gives up on a server which has fallen silent."""

from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")

# Beyond the statement timeout, by which a server that is there has answered; below the broker's visibility timeout.
ANSWER_SECONDS = 35.0


class ImpatientConnection(psycopg.Connection[Any]):
    """Waits so long for an answer, and then counts as lost.

    TCP notices a host that has vanished. It does not notice a proxy or a firewall between us that acknowledges what we
    send and passes nothing on: without this, every thread of every worker would wait there for ever.
    """

    patient = False
    """Whether it waits as long as it takes: a migration may well take an hour."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server's answer.

        Raises:
            psycopg.OperationalError: it did not come in time; the connection is closed.
        """
        if self.patient or timeout is not None:
            return super().wait(gen, interval, timeout)
        began = monotonic()
        try:
            return super().wait(gen, interval, ANSWER_SECONDS)
        except psycopg.OperationalError:
            if monotonic() - began >= ANSWER_SECONDS:
                self.pgconn.finish()  # an answer that comes later must not be taken for that to the next question
            raise
