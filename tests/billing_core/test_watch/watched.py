"""A service whose parts a test lets fail, one by one."""

import json
from typing import Any

from redis import Redis

from billing_core.database import Database
from billing_core.envelope import MessageTemplate
from billing_core.finding import Finding, Level
from billing_core.heartbeats import Role
from billing_core.inbox import Keys, WorkingInbox
from billing_core.watch import Sight, judge, look
from config.celery import create_celery
from config.queues import QUEUES
from config.settings import Settings


class Watched:
    """Redis and a database; in Redis, processes that beat."""

    def __init__(self, redis: Redis, database: Database, **settings: Any) -> None:
        self.redis, self.database = redis, database
        self.settings = Settings(env="test", **settings)
        self.keys = Keys(self.settings.queue_prefix)
        template = MessageTemplate(create_celery(self.settings))
        self.inbox = WorkingInbox(redis, self.settings.queue_prefix, template, self.settings.dedupe_window)

    def beat(self, role: Role, pid: int, *queues: str, seconds_ago: float = 0) -> None:
        """Let a process beat, so long ago."""
        name, prefix = f"{role}:host:{pid}", self.settings.queue_prefix
        details = json.dumps({"role": role, "host": "host", "pid": pid, "queues": queues})
        self.redis.set(f"{prefix}heartbeat:{name}", details)
        self.redis.zadd(f"{prefix}heartbeats", {name: (self.redis.time()[0] - seconds_ago) * 1000})

    def live(self) -> None:
        """Let a worker for all queues, and beat, beat."""
        self.beat(Role.WORKER, 1, *QUEUES)
        self.beat(Role.BEAT, 2)

    def sight(self) -> Sight:
        return look(self.redis, self.inbox, self.database, self.settings)

    def wrong(self) -> list[tuple[str, Level, str]]:
        """Return what is found fault with."""
        return [(one.check, one.level, one.found) for one in self.findings() if one.level is not Level.OK]

    def findings(self) -> list[Finding]:
        return judge(self.sight(), self.settings)
