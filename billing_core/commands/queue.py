"""The queue of commands, a hint for the workers: the ledger is the truth, and the sweep repairs what is lost here."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.queues import COMMANDS_QUEUE, RUN_COMMAND_TASK

log = structlog.get_logger()


def enqueue(app: Celery, command_id: str, countdown: float = 0) -> None:
    """Tell the workers of a command that is on record.

    Where Redis is away nothing is raised: the command is on record, and the sweep queues it when Redis is back.

    Args:
        app: to send with; it blocks for a round trip to Redis.
        command_id: which command.
        countdown: seconds to wait.
    """
    try:
        app.send_task(
            RUN_COMMAND_TASK,
            [command_id],
            queue=COMMANDS_QUEUE,
            countdown=countdown or None,
            retry=False,
            headers=request_headers(),
        )
    except (OperationalError, RedisError) as error:
        log.warning("command.not_queued", command_id=command_id, reason=type(error).__name__)


def request_headers() -> dict[str, str] | None:
    """Return the message's headers that tell a worker in whose request it was sent."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {"request_id": request_id} if request_id else None
