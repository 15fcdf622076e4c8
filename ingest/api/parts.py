"""What the endpoints work with, and how each gets at it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ParamSpec, TypeVar, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request

from billing_core.commands import Command, Commands
from billing_core.database import Database
from billing_core.retry import named_database_errors
from billing_core.stripe_api import StripeApi
from ingest.api.auth import Caller, TokenVerifier
from ingest.failures import Failures

DATABASE_THREADS = 8  # one connection each; the database's limit is shared with the workers
STRIPE_THREADS = 8  # a slow Stripe must not take the database's threads

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """The API's parts. `enqueue` and `client_secret` block."""

    verifier: TokenVerifier
    database: Database
    commands: Commands
    enqueue: Callable[[str], None]
    client_secret: Callable[[str], str | None]
    stripe: StripeApi
    failures: Failures
    database_threads: CapacityLimiter
    stripe_threads: CapacityLimiter
    max_body_bytes: int
    user_prices: frozenset[str]
    close: Callable[[], None]

    async def in_database(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking database work in a thread.

        Raises:
            billing_core.errors.RetryLater: the database is away or busy.
        """

        def named() -> T:
            with named_database_errors():
                return work(*args, **kwargs)

        return await run_sync(named, limiter=self.database_threads)

    async def find_command(self, command_id: str) -> Command | None:
        """Return the command as it stands."""
        return await self.in_database(self.commands.find, command_id)

    async def at_stripe(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work with Stripe in a thread."""
        return await run_sync(partial(work, *args, **kwargs), limiter=self.stripe_threads)


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that serves this request."""
    return cast("Parts", request.app.state.billing_api)


async def _parts(request: Request) -> Parts:
    return parts_of(request)


_bearer = HTTPBearer(bearerFormat="JWT", auto_error=False, description="`billing token` makes one for development")


async def _caller(request: Request, _: Annotated[object, Security(_bearer)]) -> Caller:
    return cast("Caller", request.state.caller)  # `route.py` put it there, before the body was read


ApiParts = Annotated[Parts, Depends(_parts)]
ApiCaller = Annotated[Caller, Depends(_caller)]
