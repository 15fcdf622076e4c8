from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.embedded.redis_server import RedisServer, redis_program
from tests.embedded.server_process import ServerNotRunning, ServerNotStarted


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    directory = tmp_path / "with a space"
    directory.mkdir()
    with RedisServer(directory) as server:
        yield server


def connect(server: RedisServer, timeout: float = 5) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


def test_server_runs_with_our_configuration(server: RedisServer) -> None:
    with connect(server) as client:
        options = client.config_get("append*", "maxmemory-policy", "save", "protected-mode")
    assert options["appendonly"] == "yes"
    assert options["appendfsync"] == "always"
    assert options["maxmemory-policy"] == "noeviction"
    assert options["save"] == ""
    assert options["protected-mode"] == "yes"


def test_what_was_answered_survives_kill(server: RedisServer) -> None:
    port = server.port
    for round_ in range(3):
        with connect(server) as client:
            client.rpush("billing:inbox", round_)
        server.kill()
        assert not server.running
        server.restart()
    assert server.port == port
    with connect(server) as client:
        assert client.lrange("billing:inbox", 0, -1) == [b"0", b"1", b"2"]


def test_killed_server_refuses_connections(server: RedisServer) -> None:
    server.kill()
    with connect(server) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    with pytest.raises(ServerNotRunning):
        _ = server.pid


def test_paused_server_lets_ping_time_out_and_goes_on_when_resumed(server: RedisServer) -> None:
    server.pause()
    with connect(server, timeout=0.1) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    server.resume()
    with connect(server) as client:
        assert client.ping()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_paused_server_can_be_ended(server: RedisServer, end: str) -> None:
    server.pause()
    getattr(server, end)()
    assert not server.running


def test_running_server_can_be_restarted(server: RedisServer) -> None:
    pid = server.pid
    server.restart()
    assert server.pid != pid


def test_ending_twice_is_no_error(server: RedisServer) -> None:
    server.stop()
    server.stop()
    server.kill()
    server.pause()
    server.resume()


def test_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "redis.conf"
    broken.write_text("appendonly perhaps\n")
    monkeypatch.setattr("tests.embedded.redis_server.REDIS_CONF", broken)
    with pytest.raises(ServerNotStarted, match="appendonly perhaps"), RedisServer(tmp_path):
        pass


def test_server_whose_port_was_taken_meanwhile_takes_another(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = iter([server.port, server.port + 1])
    monkeypatch.setattr("tests.embedded.server_process.free_port", lambda: next(offers))
    with RedisServer(tmp_path) as second:
        assert second.port != server.port


def test_program_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_program().name == "valkey-server"
    own = tmp_path / "redis-server"
    own.touch(mode=0o755)
    assert redis_program() == own


def test_url_of_the_fixture_leads_to_an_empty_server(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_next_test_finds_it_empty_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
