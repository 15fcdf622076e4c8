import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from billing_core.doctor.flower import examine_flower
from billing_core.finding import Level
from config.settings import Settings


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer one request on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status if self.path == "/healthcheck" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield server.server_port
        thread.join()


@pytest.mark.parametrize(("status", "level"), [(200, Level.OK), (500, Level.WARN)])
def test_flower_is_asked_for_its_health(status: int, level: Level) -> None:
    with answering(status) as port:
        assert examine_flower(Settings(env="test", flower_port=port)).level is level


def test_flower_that_was_configured_and_is_away_is_worth_a_warning(closed_port: int) -> None:
    finding = examine_flower(Settings(env="test", flower_port=closed_port))
    assert (finding.level, finding.found) == (Level.WARN, f"no answer on port {closed_port}")


def test_flower_need_not_run_here(closed_port: int) -> None:
    settings = Settings(env="test").model_copy(update={"flower_port": closed_port})
    settings.model_fields_set.discard("flower_port")
    assert examine_flower(settings).level is Level.OK
