"""Our message is Celery's message: consumed by a real worker, and equal to what Celery itself publishes."""

import base64
import json
import queue
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from celery import Celery, Task
from celery.contrib.testing.worker import start_worker

from billing_core.envelope import MessageTemplate
from config.celery import create_celery
from config.queues import Family
from config.settings import Settings
from tests.billing_core.test_inbox.both_sides import FAMILY, STALL, BothSides, Message, event, ids_of

# Of each message its own, wherever it comes from.
PER_MESSAGE = {"id", "root_id", "correlation_id", "delivery_tag"}


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    with create_celery(Settings(env="test", redis_url=redis_url)) as app:
        yield app


@pytest.fixture
def sides(redis_url: str) -> Iterator[BothSides]:
    sides = BothSides.on_server(redis_url)
    with sides.redis:
        yield sides


def published_by_celery(app: Celery, sides: BothSides, event_ids: list[str]) -> Message:
    """Have Celery itself publish the task, and take its message off the queue."""
    app.send_task(FAMILY, args=(event_ids,), queue=FAMILY, ignore_result=app.conf.task_ignore_result)
    return sides.pop()


def published_by_us(sides: BothSides, event_ids: list[str]) -> Message:
    sides.accept(*map(event, event_ids))
    return sides.pop()


@pytest.mark.parametrize("event_ids", [["evt_1"], ["evt_1", "evt_2", "evt_3"]])
def test_message_equals_what_celery_itself_would_publish(app: Celery, sides: BothSides, event_ids: list[str]) -> None:
    theirs, ours = published_by_celery(app, sides, event_ids), published_by_us(sides, event_ids)
    assert ours.keys() == theirs.keys()
    assert comparable(ours["headers"]) == comparable(theirs["headers"])
    assert comparable(ours["properties"]) == comparable(theirs["properties"])
    assert json.loads(ours["body"]) == json.loads(body_of(theirs))
    assert (ours["content-type"], ours["content-encoding"]) == (theirs["content-type"], theirs["content-encoding"])


def comparable(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what each message has of its own, the reply queue that nobody reads, and how the body is packed."""
    return {name: value for name, value in fields.items() if name not in PER_MESSAGE | {"reply_to", "body_encoding"}}


def body_of(message: Message) -> str:
    if message["properties"].get("body_encoding") == "base64":
        return base64.b64decode(message["body"]).decode()
    body: str = message["body"]
    return body


def test_fields_of_each_message_have_the_form_that_celery_gives_them(app: Celery, sides: BothSides) -> None:
    theirs, ours = published_by_celery(app, sides, ["evt_1"]), published_by_us(sides, ["evt_1"])
    for message in (theirs, ours):
        headers, properties = message["headers"], message["properties"]
        assert headers["id"] == headers["root_id"] == properties["correlation_id"]
        assert UUID(headers["id"]).version == UUID(properties["delivery_tag"]).version == 4
        assert isinstance(properties["reply_to"], str)


@contextmanager
def working(app: Celery, act: Any) -> Iterator[None]:
    """Run a real worker in this process, whose task of the family calls `act` with the task and its event IDs."""
    app.finalize()
    app.tasks.pop(FAMILY, None)  # Celery shares the tasks of every module that other tests have imported

    @app.task(name=FAMILY, bind=True, max_retries=None, shared=False)
    def run(task: Task[Any, None], event_ids: list[str]) -> None:
        act(task, event_ids)

    with start_worker(app, pool="threads", concurrency=1, perform_ping_check=False, shutdown_timeout=30):
        yield


def test_real_worker_consumes_the_message_and_acknowledges_it(app: Celery, sides: BothSides) -> None:
    seen: queue.Queue[tuple[list[str], str, int]] = queue.Queue()
    sides.accept(event("evt_1"), event("evt_2"))
    [message] = sides.queue()
    with working(app, lambda task, ids: seen.put((ids, task.request.id, task.request.retries))):
        assert seen.get(timeout=30) == (["evt_1", "evt_2"], message["headers"]["id"], 0)
    assert sides.queue() == []
    assert sides.redis.hlen(sides.keys.unacked) == 0


def test_event_that_a_real_worker_holds_is_not_swept(app: Celery, sides: BothSides) -> None:
    began: queue.Queue[None] = queue.Queue()
    end: queue.Queue[None] = queue.Queue()

    def act(_: Task[Any, None], __: list[str]) -> None:
        began.put(None)
        end.get(timeout=30)

    sides.accept(event("evt_1"))
    with working(app, act):
        began.get(timeout=30)
        sides.age(STALL + 1)
        swept = sides.sweep()
        end.put(None)
    assert swept == []
    assert sides.sweep() == ["evt_1"]  # the task settled nothing


def test_event_that_waits_in_a_real_worker_for_its_retry_is_not_swept(app: Celery, sides: BothSides) -> None:
    ended: queue.Queue[None] = queue.Queue()

    def act(task: Task[Any, None], event_ids: list[str]) -> None:
        if task.request.retries:
            ended.put(None)
            return
        sides.working.postpone(FAMILY, event_ids)
        raise task.retry(args=(event_ids,), countdown=1)

    sides.accept(event("evt_1"))
    with working(app, act):
        while '"retries": 1' not in str(sides.redis.hvals(sides.keys.unacked)):
            time.sleep(0.01)
        sides.age(STALL + 1)
        assert sides.sweep() == []
        ended.get(timeout=30)


def test_events_of_a_large_message_that_celery_publishes_again_can_all_be_seen(app: Celery, sides: BothSides) -> None:
    event_ids = [f"evt_1SxTqK2eZvKYlo2C{number:08}" for number in range(128)]
    message = published_by_celery(app, sides, event_ids)
    assert set(re.findall(r"evt_\w+", json.dumps(message))) >= set(event_ids)


def test_template_leaves_only_the_places_of_the_event_ids_open(app: Celery) -> None:
    template = MessageTemplate(app)
    for family in Family:
        message = json.loads(template.message(family))
        assert ids_of(message) == ["@BODY_IDS@"]
        assert message["headers"]["argsrepr"] == "(['@SHOWN_IDS@'],)"
        assert message["headers"]["task"] == message["properties"]["delivery_info"]["routing_key"] == family
        assert re.findall(r"@\w+@", template.message(family)) == ["@BODY_IDS@", "@SHOWN_IDS@"]
