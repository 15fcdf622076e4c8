"""What every process does now and then: it says that it lives and with which keys, and looks if their files changed."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

import structlog
from redis import RedisError

from billing_core.heartbeats import Heartbeats, Role
from billing_core.keys.in_use import KeysInUse
from config.key_files import KeyFiles
from config.redis_client import impatient_redis_client
from config.settings import Settings

log = structlog.get_logger()

T = TypeVar("T")


class Pulse:
    """This process's heartbeat, over a connection of its own; without Redis it does without."""

    def __init__(self, role: Role, settings: Settings) -> None:
        # A beat that is late is worth less than the work behind it.
        self._redis = impatient_redis_client(settings)
        self._heartbeats = Heartbeats(self._redis, settings.queue_prefix)
        self._files = KeyFiles(settings)
        self._role = role
        self._begun = False

    def changed_keys(self, prepare: Callable[[Settings], T]) -> T | None:
        """Look at the keys' files; what `KeyFiles.look` says holds here."""
        before = self._keys()
        prepared = self._files.look(prepare)
        if prepared is not None:
            after = self._keys()
            log.info("keys.changed", role=self._role, before=asdict(before), after=asdict(after))
        return prepared

    def beat(self, queues: Sequence[str] = ()) -> None:
        """Say that this process lives. The first beat forgets those whose place it takes."""
        if not self._begun:
            self._begun = self._heard(lambda: self._heartbeats.forget_dead(self._role))
        self._heard(lambda: self._heartbeats.beat(self._role, queues, self._keys()))

    def end(self) -> None:
        """Say that this process ends in order."""
        self._heard(lambda: self._heartbeats.end(self._role))
        self._redis.close()

    def _keys(self) -> KeysInUse:
        return KeysInUse.of(self._files.settings, self._files.problem)

    def _heard(self, tell: Callable[[], None]) -> bool:
        """Whether Redis heard it. If not, the next beat may be heard; that Redis is away, others report."""
        try:
            tell()
        except RedisError as error:
            log.debug("heartbeat.missed", reason=type(error).__name__)
            return False
        return True
