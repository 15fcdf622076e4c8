import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from billing_core.database import Database, create_engine_for
from tests.embedded.postgres_server import PostgresServer
from tests.embedded.server_process import _GONE, ServerNotStarted, _status


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def ask(url: str, *statements: str) -> object:
    """Run statements in one transaction, return the last one's first value."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        *before, last = statements
        for statement in before:
            connection.execute(text(statement))
        result = connection.execute(text(last))
        return result.scalar() if result.returns_rows else None


def test_server_is_postgresql_18_in_utf_8_comparing_bytes(postgres_server: PostgresServer) -> None:
    url = postgres_server.url()
    assert str(ask(url, "SHOW server_version")).startswith("18.")
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SELECT 'b' < 'C'") is False


def shared_memory() -> list[tuple[str, ...]]:
    """Key and id of each System V segment of this machine."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [tuple(line.split()[:2]) for line in lines]


@pytest.mark.parametrize("fsync", [False, True])
def test_committed_rows_survive_kill(fsync: bool) -> None:
    with PostgresServer(fsync=fsync) as server:
        url = server.create_database("billing")
        assert ask(url, "SHOW fsync") == ("on" if fsync else "off")
        ask(url, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)")
        for _ in range(2):
            server.kill()
            server.restart()
        assert url == server.url("billing")
        assert ask(url, "SELECT id FROM kept") == 1


def test_kill_leaves_no_process_behind(server: PostgresServer) -> None:
    processes = server.tree()
    assert len(processes) > 1
    server.kill()
    assert [_status(process) for process in processes if _status(process) not in _GONE] == []


def test_paused_server_leaves_a_query_unanswered_until_resumed(server: PostgresServer) -> None:
    with psycopg.connect(server.url().replace("+psycopg", ""), connect_timeout=5) as connection:
        server.pause()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(server.url().replace("+psycopg", ""), connect_timeout=2)
        server.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_paused_server_can_be_ended(server: PostgresServer, end: str) -> None:
    server.pause()
    getattr(server, end)()
    assert not server.running


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killed_server_leaves_no_shared_memory_after_the_end() -> None:
    with PostgresServer() as server:
        lock = (server._data / "postmaster.pid").read_text().splitlines()
        key, segment = lock[6].split()
        server.kill()
        assert (key, segment) in shared_memory()
    assert (key, segment) not in shared_memory()


def test_directory_is_gone_after_the_end() -> None:
    with PostgresServer() as server:
        assert server.directory.is_dir()
    assert not server.directory.exists()


def test_server_that_cannot_start_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.embedded.postgres_server._OPTIONS", {"shared_buffers": "much"})
    server = PostgresServer()
    with pytest.raises(ServerNotStarted, match="shared_buffers"), server:
        pass
    assert not server.directory.exists()


def test_database_is_a_copy_of_its_template(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database("migrated")
    ask(template, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    copy = postgres_server.create_database("copy", "migrated")
    assert ask(copy, "SELECT id FROM kept") == 7
    postgres_server.drop_database("copy")
    postgres_server.drop_database("migrated")


def test_each_database_url_is_empty_and_takes_rows(database_url: str) -> None:
    database = Database(create_engine_for(database_url, pool_size=1))
    with database.write() as session:
        for statement in ("CREATE TABLE t (id int)", "INSERT INTO t VALUES (3)"):
            session.execute(text(statement))
    with database.read() as session:
        assert session.scalar(text("SELECT id FROM t")) == 3
    database.dispose()
