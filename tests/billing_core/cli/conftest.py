from collections.abc import Iterator

import pytest
from redis import Redis
from structlog.testing import capture_logs

from billing_core.cli.runtime import runtime
from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.process import Processor
from config.celery import create_celery
from config.settings import Settings
from tests.billing_core.cli.operator import Operation
from tests.scripted_stripe import ScriptedStripe
from workers.runtime import Runtime


@pytest.fixture(autouse=True)
def _own_runtime() -> Iterator[None]:
    """Give each test's command the settings of its own environment."""
    runtime.cache_clear()
    yield
    if runtime.cache_info().currsize:
        runtime().database.dispose()
    runtime.cache_clear()


@pytest.fixture
def operation(database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    """Redis, database and worker; the command finds them through its environment."""
    url = database.engine.url.render_as_string(hide_password=False)
    for name, value in {"DATABASE_URL": url, "REDIS_URL": redis_url, "BILLING_ENV": "test"}.items():
        monkeypatch.setenv(name, value)
    settings = Settings(env="test", redis_url=redis_url)
    stripe = ScriptedStripe()
    with Redis.from_url(redis_url) as redis, capture_logs():  # the worker's lines are not the command's
        inbox = WorkingInbox(
            redis, settings.queue_prefix, MessageTemplate(create_celery(settings)), settings.dedupe_window
        )
        here = Runtime(settings, inbox, database, Processor(database, stripe))
        yield Operation(redis, here, stripe)
