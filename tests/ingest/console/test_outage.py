"""While Redis or the database is away, pages say so, and who comes in sees it."""

from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisAway

from billing_core.database import Database
from billing_core.errors import DatabaseUnavailable
from tests.ingest.console.visitor import Visitor, new_visitor, settings_for_console
from tests.stores import open_database


def test_without_redis_nobody_is_let_in_and_pages_say_why(
    jo: Visitor, stranger: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = stranger.csrf("/login")

    def refuse(*_: object, **__: object) -> None:
        raise RedisAway("Connection refused to redis://secret")

    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", refuse)
    for path in ("/", "/events", "/actions"):
        page = jo.page(path, 503)
        assert "Redis does not answer" in page
        assert "secret" not in page
    assert jo.get("/").headers["retry-after"] == "5"
    assert stranger.post("/login", token, name="jo", password="x").status_code == 503
    assert jo.get("/login").status_code == 503
    assert stranger.get("/login").status_code == 200


def test_without_the_database_pages_say_so_and_the_status_shows_what_redis_knows(
    jo: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("OperationalError: postgresql://secret")

    monkeypatch.setattr("ingest.console.desk.Database.read", refuse)
    for path in ("/events", "/events/evt_1", "/parked", "/users/1", "/commands", "/actions"):
        page = jo.page(path, 503)
        assert "The database does not answer" in page
        assert "secret" not in page
    page = jo.page("/", 503)
    assert "What waits" in page
    assert "<svg" not in page


def test_operator_can_log_in_while_the_database_is_away(redis_url: str, tmp_path: Path) -> None:
    database: Database = open_database(f"sqlite:///{tmp_path / 'not' / 'there.db'}")
    with new_visitor(settings_for_console(redis_url, database)) as visitor:
        assert visitor.log_in().status_code == 303
        assert "away" in visitor.page("/", 503)
    database.dispose()
