"""Which processes live: each says so from its own loop, so that one that hangs falls silent."""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from redis import Redis

from billing_core.keys.in_use import KeysInUse

# So long a silent process is remembered, for somebody to look after it. One that ends in order is forgotten at once.
REMEMBERED = 3600  # s

# A process is silent when it has missed this many beats: one may be late on a loaded machine.
MISSED_BEATS = 3


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it was last heard of.

    Attributes:
        role: what it does.
        host: the machine's, or the container's, name.
        pid: its process ID there.
        queues: the queues that it consumes; none for beat.
        age_s: seconds since its last beat, by Redis' clock.
        keys: its keys, by fingerprint; None of one that does not tell.
    """

    role: Role
    host: str
    pid: int
    queues: tuple[str, ...]
    age_s: float
    keys: KeysInUse | None = None

    @property
    def name(self) -> str:
        """How people find it."""
        return f"{self.role} {self.host}:{self.pid}"


class Heartbeats:
    """The processes that live, in Redis."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._all = f"{prefix}heartbeats"
        self._beat = redis.register_script((Path(__file__).parent / "lua" / "heartbeat.lua").read_text())

    def beat(self, role: Role, queues: Sequence[str] = (), keys: KeysInUse | None = None) -> None:
        """Say that this process lives, which queues it consumes, and which keys it uses.

        Raises:
            redis.RedisError: nobody heard it.
        """
        host, pid = socket.gethostname(), os.getpid()
        name = _name(role, host, pid)
        told = {"role": role, "host": host, "pid": pid, "queues": sorted(queues)}
        details = json.dumps(told | {"keys": asdict(keys) if keys else None})
        self._beat(keys=[self._all, self._details(name)], args=[name, details, REMEMBERED])

    def end(self, role: Role) -> None:
        """Forget this process, which ends in order."""
        self._forget(_name(role, socket.gethostname(), os.getpid()))

    def forget_dead(self, role: Role) -> None:
        """Forget this host's processes of a role that are gone without a word: whoever starts takes their place."""
        for seen in self.seen():
            if seen.role is role and seen.host == socket.gethostname() and not _exists(seen.pid):
                self._forget(_name(role, seen.host, seen.pid))

    def seen(self) -> list[Seen]:
        """Return every process heard of within the last hour, the silent ones too."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zrange(self._all, 0, -1, withscores=True)
        pipeline.time()
        beats, (seconds, microseconds) = pipeline.execute()
        if not beats:
            return []
        now = seconds + microseconds / 1e6
        details: list[Any] = self._redis.mget([self._details(name.decode()) for name, _ in beats])
        return [_seen(text, now - at / 1000) for (_, at), text in zip(beats, details, strict=True) if text]

    def _details(self, name: str) -> str:
        return f"{self._prefix}heartbeat:{name}"

    def _forget(self, name: str) -> None:
        pipeline = self._redis.pipeline()
        pipeline.zrem(self._all, name)
        pipeline.delete(self._details(name))
        pipeline.execute()


def _name(role: Role, host: str, pid: int) -> str:
    return f"{role}:{host}:{pid}"


def _seen(text: bytes, age: float) -> Seen:
    found = json.loads(text)
    keys = KeysInUse.from_json(found["keys"]) if found.get("keys") else None
    name = Role(found["role"]), found["host"], found["pid"]
    return Seen(*name, tuple(found["queues"]), round(max(age, 0.0), 1), keys)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True
