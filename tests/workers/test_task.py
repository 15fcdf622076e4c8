"""What every task of ours does beside its work, run by Celery in this process as a worker would."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from celery.exceptions import Reject
from structlog.testing import capture_logs

from config.queues import Family
from workers.app import app
from workers.task import BillingTask, TaskFailed

NAME = "tests.task"
SECRET = "matilda@example.com"


@pytest.fixture
def made() -> Iterator[Callable[[Callable[[], object]], Any]]:
    """Makes a task of the function, as `@app.task` makes ours."""
    yield app.task(name=NAME)
    app.tasks.pop(NAME)


def test_its_lines_say_whose_they_are(made: Callable[[Callable[[], object]], Any]) -> None:
    found = dict[str, Any]()
    structlog.contextvars.bind_contextvars(of_the_task_before=True)

    def look() -> None:
        found.update(structlog.contextvars.get_contextvars())

    made(look).apply(task_id="task-1", headers={"request_id": "req-of-the-api"})
    assert found == {"task": NAME, "task_id": "task-1", "request_id": "req-of-the-api"}


def test_unexpected_error_is_logged_and_shown_without_its_words(made: Callable[[Callable[[], object]], Any]) -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    with capture_logs() as logs:
        result = made(fail).apply(task_id="task-1")
    assert repr(result.result) == repr(TaskFailed("ValueError"))
    assert SECRET not in result.traceback
    assert [(line["event"], line["log_level"]) for line in logs] == [("task.failed", "error")]


def test_what_celery_raises_itself_passes(made: Callable[[Callable[[], object]], Any]) -> None:
    def reject() -> None:
        raise Reject("later", requeue=True)

    assert made(reject).apply().state == "REJECTED"


def test_every_task_of_ours_is_such_a_task() -> None:
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) > len(Family)
    assert all(isinstance(task, BillingTask) for task in ours)
