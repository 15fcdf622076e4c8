"""Liveness (this process answers) and readiness (it may be sent traffic)."""

import asyncio

import msgspec
from redis import RedisError, ResponseError
from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from billing_core.connection_trouble import trouble
from billing_core.doctor.database import behind
from billing_core.doctor.redis_server import DURABLE, not_durable, plain
from config.settings import Settings
from migrations import current_and_head

CHECK_TIMEOUT = 2.0


class Health:
    """Answers orchestrators and load balancers."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._database_url = settings.database_url

    async def livez(self, _: Request) -> Response:
        """Say that the process is alive; it asks nobody else."""
        return _answer({"alive": True}, ok=True)

    async def readyz(self, _: Request) -> Response:
        """Say whether events can be taken: Redis is there and durable, and the schema is not behind the code.

        A database that is away does not count: the endpoint stores events without it.
        """
        checks = {"redis": await self._check_redis(), "database": await self._check_database()}
        ready = checks["redis"] == "ok" and not checks["database"].startswith("not migrated")
        return _answer({"ready": ready, **checks}, ok=ready)

    async def _check_redis(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await self._redis.ping()  # answers MISCONF while the disk takes no writes
                return await self._check_durability()
        except (RedisError, OSError) as error:
            return f"away: {trouble(error)}; check REDIS_URL and the server"

    async def _check_durability(self) -> str:
        try:
            wrong = not_durable(plain(await self._redis.config_get(*DURABLE)))
        except ResponseError:
            return "ok"  # managed Redis forbids CONFIG; its operator vouches for the settings
        return f"not durable: {', '.join(wrong)}; see config/redis.conf" if wrong else "ok"

    async def _check_database(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                current, head = await asyncio.to_thread(current_and_head, self._database_url)
        except (SQLAlchemyError, OSError) as error:
            return f"away: {trouble(error)}; events are stored meanwhile"
        problem = behind(current, head)
        return f"{problem}; run alembic upgrade head" if problem else "ok"


def _answer(body: dict[str, object], *, ok: bool) -> Response:
    return Response(msgspec.json.encode(body), 200 if ok else 503, media_type="application/json")
