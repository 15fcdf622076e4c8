"""What the console works with, and one visit to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from anyio import CapacityLimiter
from redis import Redis
from sqlalchemy.orm import Session as DatabaseSession
from starlette.requests import Request

from billing_core.actions import record_action
from billing_core.database import Database, create_engine_for
from billing_core.envelope import MessageTemplate
from billing_core.inbox import WorkingInbox
from billing_core.payloads import Payloads
from billing_core.retry import named_database_errors
from config.celery import create_celery
from config.redis_client import redis_client
from config.settings import Settings, SettingsError
from ingest.api.auth import TokenVerifier
from ingest.console.attempts import Attempts
from ingest.console.errors import NotAllowed
from ingest.console.operators import Operator, Operators, Role
from ingest.console.sessions import Session, Sessions

log = structlog.get_logger()

THREADS = 4  # pages are for a few people; each thread holds a connection at most

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Desk:
    """The console's parts."""

    settings: Settings
    redis: Redis
    database: Database
    inbox: WorkingInbox
    payloads: Payloads
    verifier: TokenVerifier
    operators: Operators
    sessions: Sessions
    attempts: Attempts
    threads: CapacityLimiter
    close: Callable[[], None]

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS, as everywhere but in development."""
        return self.settings.env != "development"

    @contextmanager
    def reading(self) -> Iterator[DatabaseSession]:
        """Look, with the database's troubles under our names."""
        with named_database_errors(), self.database.read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[DatabaseSession]:
        """Change, in one transaction."""
        with named_database_errors(), self.database.write() as session:
            yield session


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and who makes it.

    Attributes:
        request: Starlette's; its body has been read.
        form: the fields of a POST.
        operator: who; None before the login.
        session: the browser's; None before the login, and for a caller with a token in its header.
    """

    request: Request
    form: Mapping[str, str] = field(default_factory=dict)
    operator: Operator | None = None
    session: Session | None = None

    @property
    def subject(self) -> str:
        """Who acts, as the audit trail names them."""
        if self.operator is None:
            raise NotAllowed("log in first")
        return self.operator.subject

    def path(self, name: str) -> str:
        """Return a part of the address."""
        part: str = self.request.path_params[name]
        return part

    def require(self, role: Role) -> None:
        """Refuse who may only look.

        Raises:
            NotAllowed: so it is.
        """
        if role is Role.ADMIN and (self.operator is None or self.operator.role is not Role.ADMIN):
            raise NotAllowed("you may look at everything here, and change nothing")


def record(session: DatabaseSession, visit: Visit, action: str, target: str | None = None, **details: Any) -> None:
    """Put on record who did what, in the transaction that does it, and in the log."""
    record_action(session, action, subject=visit.subject, source="console", target=target, details=details or None)
    log.info("console.acted", action=action, subject=visit.subject, target=target, **details)


def make_desk(settings: Settings) -> Desk:
    """Make the parts.

    Raises:
        SettingsError: the console is not configured, or wrongly.
    """
    secret, operators, verifier = _configured(settings)
    redis, celery = redis_client(settings), create_celery(settings)
    database = Database(create_engine_for(settings.database_url, pool_size=THREADS))
    template = MessageTemplate(celery)
    closing = ExitStack()
    for close in (database.dispose, redis.close, celery.close):
        closing.callback(close)
    return Desk(
        settings=settings,
        redis=redis,
        database=database,
        inbox=WorkingInbox(redis, settings.queue_prefix, template, settings.dedupe_window),
        payloads=Payloads.from_settings(settings),
        verifier=verifier,
        operators=operators,
        sessions=Sessions(
            redis,
            settings.queue_prefix,
            secret,
            life=settings.console_session,
            secure=settings.env != "development",
        ),
        attempts=Attempts(redis, settings.queue_prefix, secret),
        threads=CapacityLimiter(THREADS),
        close=closing.close,
    )


def _configured(settings: Settings) -> tuple[str, Operators, TokenVerifier]:
    secret = settings.console_secret.get_secret_value() if settings.console_secret else ""
    if not secret:
        raise SettingsError(
            "BILLING_CONSOLE_SECRET is missing: the console is off until it is set, with users in BILLING_CONSOLE_USERS"
            " (`billing console-password` makes one) or a key for tokens (BILLING_JWT_…); see docs/console.md"
        )
    if len(secret.encode()) < _SECRET_BYTES:
        raise SettingsError(f"BILLING_CONSOLE_SECRET is shorter than {_SECRET_BYTES} bytes")
    operators, verifier = Operators(settings.console_users), TokenVerifier.from_settings(settings)
    if not (operators or verifier.configured):
        raise SettingsError("BILLING_CONSOLE_USERS is missing, and no BILLING_JWT_… key either: nobody could log in")
    return secret, operators, verifier
