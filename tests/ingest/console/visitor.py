"""A browser without a screen: it keeps cookies, follows redirects, and sends forms as it was given them."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from httpx2 import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from billing_core.database import Database
from billing_core.passwords import hash_password
from config.settings import Settings
from ingest.console.app import create_console
from tests.ingest.api.tokens import AUDIENCE, ISSUER, SECRET

HOST = "https://console.test"
PASSWORD = "correct horse battery staple"

# Hashes that are made in a millisecond.
_HASH = hash_password(PASSWORD, cost=4)
USERS = f"jo:admin:{_HASH},lee:read:{_HASH}"


def settings_for_console(redis_url: str, database: Database, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "env": "test",
        "redis_url": redis_url,
        "database_url": database.engine.url.render_as_string(hide_password=False),
        "console_secret": "the console's secret, of 32 bytes or more",
        "console_users": USERS,
        "jwt_secret": SECRET,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
    }
    return Settings(**(values | changes))


class Visitor:
    """Somebody at the console."""

    def __init__(self, app: Starlette) -> None:
        self.client = TestClient(app, base_url=HOST, headers={"Origin": HOST})

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(f"/console{path}", **options)

    def page(self, path: str, status: int = 200) -> str:
        """Return a page's text."""
        answer = self.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, csrf: str | None = None, **fields: str) -> Response:
        """Send a form with the token that the pages of this visitor have, unless another is given."""
        token = self.csrf() if csrf is None else csrf
        return self.client.post(f"/console{path}", data={"csrf": token} | fields, follow_redirects=False)

    def csrf(self, path: str = "/actions") -> str:
        """Return the token of the forms on a page."""
        found = re.search(r'name="csrf" value="([\w-]+)"', self.get(path).text)
        assert found, "no form"
        return found[1]

    def log_in(self, name: str = "jo", password: str = PASSWORD, **fields: str) -> Response:
        return self.post("/login", self.csrf("/login"), name=name, password=password, **fields)


@contextmanager
def arrived(app: Starlette) -> Iterator[Visitor]:
    """Come to a console; it ends when the first visitor leaves."""
    visitor = Visitor(app)
    with visitor.client:
        yield visitor


def new_visitor(settings: Settings) -> AbstractContextManager[Visitor]:
    """Come to another console, with these settings."""
    return arrived(create_console(settings))
