"""One log line per fact: JSON for machines, key=value for a person at a terminal, secrets for nobody."""

import logging
import re
import sys
from collections.abc import Mapping

import structlog
from structlog.types import EventDict, Processor

from config.tracebacks import format_quietly

REDACTED = "[redacted]"

# A pattern starts only where a word starts, so that a long text is read in linear time.
_SECRET = re.compile(
    r"""
    (?<![A-Za-z0-9]) [sre]k_(?:org_)?(?:live|test)_\w+      # API keys: secret, restricted, ephemeral
    | (?<![A-Za-z0-9]) whsec_[\w+/=-]+                      # endpoint secrets
    | (?<!\w) (?=\w*\d) \w+_secret_[\w%+/=-]+               # client secrets: pi_3M_secret_Y (IDs have digits)
    | (?<=://) [^\s/@:]* : [^\s/@]+ (?=@)                   # user and password in a URL
    | (?<![\w.%+-]) [\w.%+-]+ @ [\w-]+ (?:\.[\w-]+)+        # e-mail addresses
    """,
    re.VERBOSE,
)

# Celery's consumer quotes the whole message that it cannot use, asyncio the error that nobody fetched: after a first
# line that says what happened.
_QUOTING_LOGGERS = frozenset({"celery.worker.consumer.consumer", "asyncio"})


def configure_logging(level: str) -> None:
    """Send everything this process logs, through structlog or the standard library, to stdout.

    A call replaces what an earlier one set up. Celery and uvicorn must be told to leave logging alone
    (`worker_hijack_root_logger=False`, `log_config=None`), or they put their own handlers in its place.

    Args:
        level: DEBUG, INFO, WARNING, ERROR or CRITICAL; lines below it are dropped.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_formatter(human=sys.stdout.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace whatever looks like a secret or an e-mail address, at any depth, by `[redacted]`.

    It stands right before the renderer: a traceback or an object's repr is text by then and passes here too.
    """
    return {key: _clean(value) for key, value in event.items()}


def first_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep of what other libraries say no more than the first line, if the rest quotes what they choked on."""
    if event.get("logger") in _QUOTING_LOGGERS:
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _clean(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _SECRET.sub(REDACTED, value)
        case Mapping():
            return {_clean(str(key)): _clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
    return _SECRET.sub(REDACTED, repr(value))  # the renderers would write the repr too, unread


def _shared() -> list[Processor]:
    """What a line gains on its way, whether structlog or the standard library began it."""
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(*, human: bool) -> logging.Formatter:
    renderer: Processor = structlog.processors.JSONRenderer()
    if human:
        # plain_traceback: our tracebacks are text already, and the pretty ones would print local variables.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, *_shared(), first_line],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(format_quietly),
            redact,
            renderer,
        ],
    )
