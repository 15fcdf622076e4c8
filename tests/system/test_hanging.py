"""Processes that hang though they live: `billing status`, the doctor, the metrics and the log say which."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from redis import Redis

from tests.billing_core.test_watch.watched import Watched
from tests.kinds import ANY, empty_database
from tests.system import hanging_worker
from tests.system.service import BIN, WEBHOOK_SECRET, Service, Worker

# Faster than in production, so that silence is noticed after three seconds.
FAST = {"BILLING_HEARTBEAT_INTERVAL": "1", "BILLING_WATCH_INTERVAL": "1"}
NOTICED = 30  # s, on a loaded machine
AGED = 3.5  # s, more than three beats


class Answer(NamedTuple):
    code: int
    out: str

    def finding(self, check: str) -> dict[str, Any]:
        """Return the first finding of a check."""
        found: dict[str, Any] = next(one for one in json.loads(self.out)["findings"] if one["check"] == check)
        return found


class HangingWorker(Worker):
    """A worker whose loop soon stands still."""

    def _command(self) -> list[str]:
        _, *arguments = super()._command()
        return [sys.executable, hanging_worker.__file__, *arguments[2:]]


class Operated(Service):
    """The service, with an operator."""

    @property
    def environment(self) -> dict[str, str]:
        return {"BILLING_ENV": "test", "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET, **FAST, **self._addresses()}

    def billing(self, *arguments: str) -> Answer:
        command, environment = [str(BIN / "billing"), *arguments], {**os.environ, **self.environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return Answer(done.returncode, done.stdout)

    def wrong(self) -> list[str]:
        """Return what the watch finds fault with."""
        with Redis.from_url(self.redis.url) as redis:
            return [found for _, _, found in Watched(redis, self.database, heartbeat_interval=1).wrong()]

    def tells(self, text: str) -> bool:
        """Wait until the watch says so."""
        return wait_until(lambda: any(text in found for found in self.wrong()))

    def is_well(self) -> bool:
        """Wait until nothing is wrong."""
        return wait_until(lambda: not self.wrong())


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + NOTICED
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module", params=ANY)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    directory = tmp_path_factory.mktemp("hanging")
    with empty_database(request, request.param) as url, Operated(directory, url, FAST) as service:
        assert service.is_well()
        yield service


def test_worker_that_hangs_is_named_until_it_goes_on(service: Operated) -> None:
    service.worker.pause()
    named = f"{service.worker.pid} is silent"
    assert service.tells(named)
    status = service.billing("status")
    doctor = service.billing("doctor", "--json")
    metrics = httpx.get(f"{service.web.url}/metrics").text
    service.worker.resume()
    assert status.code == 1
    assert named in status.out
    assert "no worker consumes stripe.subscription" in status.out
    assert doctor.code == 1
    assert named in doctor.finding("workers")["found"]
    assert doctor.finding("beat")["level"] == "ok"
    assert 'billing_processes{role="worker",state="silent"} 1.0' in metrics
    assert 'billing_queue_consumers{queue="stripe.invoice"} 0.0' in metrics
    assert service.is_well()


def test_worker_whose_loop_hangs_is_named_though_its_process_lives(service: Operated) -> None:
    folder = service.directory / "loop"
    folder.mkdir()
    with HangingWorker(folder, environment=service.environment) as hanging:
        assert service.tells(f"{hanging.pid} is silent")
        assert hanging.running
        hanging.kill()  # TERM is not heard either
    # What is gone is forgotten when another worker begins on its host.
    service.worker.restart()
    assert service.is_well()


def test_beat_that_hangs_is_named_until_it_goes_on(service: Operated) -> None:
    service.beat.pause()
    assert service.tells(f"{service.beat.pid} is silent")
    service.beat.resume()
    assert service.is_well()


def test_worker_that_hangs_is_logged_by_another(service: Operated) -> None:
    folder = service.directory / "second"
    folder.mkdir()
    with Worker(folder, environment=service.environment) as second:
        service.worker.pause()
        logged = wait_until(lambda: "watch.found" in second.log.read_text())
        service.worker.resume()
        assert logged
        (line, *_) = [one for one in second.log.read_text().splitlines() if "watch.found" in one]
    told = json.loads(line)
    assert (told["check"], told["level"]) == ("workers", "error")
    assert str(service.worker.pid) in told["found"]
    assert service.is_well()


def test_heartbeats_go_on_after_redis_was_killed(service: Operated) -> None:
    before = service.worker.pid, service.beat.pid
    service.redis.kill()
    service.redis.start()
    time.sleep(AGED)  # the beats of before do not count any more
    assert service.is_well()
    assert (service.worker.pid, service.beat.pid) == before


def test_worker_that_was_killed_is_forgotten_when_it_is_started_again(service: Operated) -> None:
    dead = service.worker.pid
    service.worker.kill()
    assert service.tells(f"{dead} is silent")
    service.worker.start()
    assert service.is_well()


def test_worker_that_was_told_to_end_is_forgotten_at_once(service: Operated) -> None:
    service.worker.stop()
    found = service.wrong()
    service.worker.start()
    assert [one[:18] for one in found] == ["no worker consumes"]
    assert service.is_well()
