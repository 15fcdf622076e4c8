from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.process import Processor
from config.celery import create_celery
from config.settings import Settings
from ingest.console.app import create_console
from tests.billing_core.cli.operator import Operation
from tests.ingest.console.visitor import Visitor, arrived, settings_for_console
from tests.scripted_stripe import ScriptedStripe
from workers.runtime import Runtime


@pytest.fixture
def settings(redis_url: str, any_database: Database) -> Settings:
    return settings_for_console(redis_url, any_database)


@pytest.fixture
def arrive(settings: Settings) -> Iterator[Callable[[], Visitor]]:
    """Let somebody come to the console."""
    app = create_console(settings)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(arrived(app))


@pytest.fixture
def stranger(arrive: Callable[[], Visitor]) -> Visitor:
    """Nobody is logged in."""
    return arrive()


@pytest.fixture
def jo(arrive: Callable[[], Visitor]) -> Visitor:
    """An operator who may act is logged in."""
    visitor = arrive()
    assert visitor.log_in().status_code == 303
    return visitor


@pytest.fixture
def lee(arrive: Callable[[], Visitor]) -> Visitor:
    """An operator who may look is logged in."""
    visitor = arrive()
    assert visitor.log_in("lee").status_code == 303
    return visitor


@pytest.fixture
def operation(any_database: Database, settings: Settings) -> Iterator[Operation]:
    """The service that the console looks into, with a worker that works when it is told to."""
    stripe = ScriptedStripe()
    with Redis.from_url(settings.redis_url) as redis:
        template = MessageTemplate(create_celery(settings))
        inbox = WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window)
        yield Operation(redis, Runtime(settings, inbox, any_database, Processor(any_database, stripe)), stripe)
