"""Wait until each process does its work, however slow the machine; say what is waited for."""

import time
from collections.abc import Callable

import httpx
from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from config.celery import create_celery
from config.settings import Settings
from tests.run.errors import CannotRun
from tests.run.var_directory import VarDirectory

TIMEOUT = 120.0  # s; a cold disk and one busy core have been seen to take 40

_POLL = 0.1  # s
_PATIENCE = 5.0  # s of silence, then a line about what is waited for

# None when the process does its work, else what is in the way.
Check = Callable[[], str | None]
Say = Callable[[str], None]


def wait_until_ready(settings: Settings, keep_watch: Callable[[], None], var: VarDirectory, say: Say) -> None:
    """Return when web, worker, Flower and the console answer; beat answers nobody, but must stay up.

    Raises:
        CannotRun: one of them ends again and again, or is not ready in time; the end of its log is in the text.
    """
    celery = create_celery(settings)
    checks: dict[str, Check] = {
        "web": lambda: _answer(f"http://127.0.0.1:{settings.port}/readyz"),
        "worker": lambda: _ping(celery),
        "flower": lambda: _answer(f"{settings.flower_url}/healthcheck"),
        "console": lambda: _answer(f"http://127.0.0.1:{settings.console_port}/livez"),
    }
    deadline = time.monotonic() + TIMEOUT
    for process, check in checks.items():
        if problem := _wait(process, check, keep_watch, deadline, say):
            raise CannotRun(f"{process} is not ready after {TIMEOUT:.0f} s ({problem}); {var.last_lines(process)}")
    celery.close()


def _wait(process: str, check: Check, keep_watch: Callable[[], None], deadline: float, say: Say) -> str | None:
    """Return what still is in the way when time is up."""
    speak_at = time.monotonic() + _PATIENCE
    while (problem := check()) and time.monotonic() < deadline:
        keep_watch()
        if time.monotonic() > speak_at:
            say(f"waiting for {process}: {problem}")
            speak_at += _PATIENCE
        time.sleep(_POLL)
    return problem


def _answer(url: str) -> str | None:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError as error:
        return f"{url}: {type(error).__name__}"
    return None if answer.is_success else f"{url}: {answer.status_code} {answer.text}"


def _ping(celery: Celery) -> str | None:
    try:
        answers = celery.control.ping(timeout=0.5, limit=1)
    except (OperationalError, RedisError, OSError) as error:
        return f"Redis: {type(error).__name__}"
    return None if answers else "no worker answers a ping"
