"""What every task of ours does beside its work: its lines say whose they are, and its errors quote nobody's data."""

from collections.abc import Sequence
from typing import Any

import structlog
from celery import Task
from celery.exceptions import TaskPredicate

log = structlog.get_logger()


class TaskFailed(Exception):
    """What Celery and Flower are told of an unexpected error: its class. Its traceback is in the log."""


class BillingTask(Task[Any, Any]):
    """The class of all tasks."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task.

        Raises:
            TaskFailed: it raised what no task should.
        """
        request = self.request
        structlog.contextvars.clear_contextvars()  # a thread runs one task after the other
        structlog.contextvars.bind_contextvars(task=self.name, task_id=request.id, **_asked_by(request.headers))
        try:
            return self.work(args, kwargs)
        except TaskPredicate:  # Celery's own: retry, reject, ignore
            raise
        except Exception as error:
            log.exception("task.failed")
            name = type(error).__name__
        # Outside the except block: Flower would show what stands behind it, too.
        raise TaskFailed(name)

    def work(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Do what the task is for."""
        return self.run(*args, **kwargs)


def _asked_by(headers: dict[str, Any] | None) -> dict[str, str]:
    """Return the ID of the API's request that a command's message was sent in."""
    request_id = (headers or {}).get("request_id")
    return {"request_id": request_id} if isinstance(request_id, str) else {}
