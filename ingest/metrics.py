"""GET /metrics: what all processes counted together, and what is seen of the whole service at this moment."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from redis import Redis, RedisError
from starlette.requests import Request
from starlette.responses import Response

from billing_core.database import Database
from billing_core.inbox import WorkingInbox
from billing_core.metrics import INBOX_AGE_LIMIT, SEEN
from billing_core.totals import Totals
from billing_core.watch.gauges import expose_flow, expose_ledger
from billing_core.watch.sight import look_at_database, look_at_redis
from config.settings import Settings

# Three looks, one after the other, within the 10 s that Prometheus waits.
TIMEOUT = 3.0  # s

T = TypeVar("T")


class _Answer(CollectorRegistry):
    """What one request is told."""

    def __init__(self, counted: Sequence[Metric]) -> None:
        super().__init__()
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """Return all of it."""
        yield from self._counted
        yield from SEEN.collect()


class Metrics:
    """Answers Prometheus, whatever is away."""

    def __init__(
        self, redis: Redis, inbox: WorkingInbox, database: Database, totals: Totals, settings: Settings
    ) -> None:
        INBOX_AGE_LIMIT.set(settings.inbox_age_limit)
        self._ask = totals.ask
        self._look_at_redis = partial(look_at_redis, redis, inbox, settings)
        self._look_at_database = partial(look_at_database, database, settings)
        self._one_at_a_time = CapacityLimiter(1)  # looks that hang must not pile up

    async def get(self, _: Request) -> Response:
        """Answer with all metrics."""
        # None while Redis is away: this process's part alone would look as if all had begun anew.
        counted = await self._in_time(self._ask) or []
        expose_flow(await self._in_time(self._look_at_redis))
        expose_ledger(await self._in_time(self._look_at_database))
        return Response(generate_latest(_Answer(counted)), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _in_time(self, look: Callable[[], T]) -> T | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await run_sync(look, limiter=self._one_at_a_time, abandon_on_cancel=True)
        except (RedisError, TimeoutError):
            return None
