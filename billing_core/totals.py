"""What all processes counted, added up in Redis: whoever is asked for the metrics answers for all of them.

Web processes share a port, and workers have none: none of them could be asked alone. docs/adr/0008-counters-in-redis.md
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self
from uuid import uuid4

from prometheus_client import CollectorRegistry, Metric
from redis import Redis, RedisError

from billing_core.metrics import COUNTED
from config.redis_client import impatient_redis_client
from config.settings import Settings

# A process that did not reach Redis for so long may count what it sent last twice.
REMEMBERED = 3600  # s

_CREATED = "_created"  # the client's moments of birth, which add up to nothing

Counts = dict[str, float]
Sample = tuple[str, dict[str, str], float]


class Totals:
    """The sums over all processes, and this process's share in them."""

    def __init__(self, redis: Redis, prefix: str, counted: CollectorRegistry = COUNTED) -> None:
        self._redis = redis
        self._counted = counted
        self._key = f"{prefix}metrics"
        self._mark = f"{self._key}:{uuid4().hex}"
        self._count = redis.register_script((Path(__file__).parent / "lua" / "count.lua").read_text())
        self._told: Counts = {}
        self._sending: Counts = {}
        self._number = 0
        self._lock = Lock()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make those that the settings describe. A report that is not answered in time is sent again with the next."""
        return cls(impatient_redis_client(settings), settings.queue_prefix)

    def close(self) -> None:
        """Let go of the connections."""
        self._redis.close()

    def tell(self) -> None:
        """Add what this process counted since the last time.

        Raises:
            redis.RedisError: Redis is away; what was counted is kept for the next time.
        """
        with self._lock:
            self._send()
            self._sending = self._untold()
            self._number += 1
            self._send()

    def ask(self) -> list[Metric]:
        """Tell, and return what all have told.

        Raises:
            redis.RedisError: as of `tell`. A sum without the others' part would look as if they had started anew.
        """
        self.tell()
        found: dict[bytes, bytes] = self._redis.hgetall(self._key)  # type: ignore[assignment]  # synchronous
        samples = [(*json.loads(field), float(value)) for field, value in found.items()]
        return [_summed(counted, samples) for counted in self._counted.collect()]

    def _untold(self) -> Counts:
        return {
            field: value - self._told.get(field, 0.0) for field, value in self._own() if self._told.get(field) != value
        }

    def _send(self) -> None:
        if not self._sending:
            return
        report = [part for field, value in self._sending.items() for part in (field, repr(value))]
        self._count(keys=[self._key, self._mark], args=[self._number, REMEMBERED, *report])
        self._told |= {field: self._told.get(field, 0.0) + value for field, value in self._sending.items()}
        self._sending = {}

    def _own(self) -> Iterator[tuple[str, float]]:
        """Yield what this process counted: each sample's name and labels, as text, and its value."""
        for metric in self._counted.collect():
            for sample in metric.samples:
                if not sample.name.endswith(_CREATED):
                    yield json.dumps([sample.name, sample.labels]), float(sample.value)


def _summed(counted: Metric, samples: Iterable[Sample]) -> Metric:
    """Give the sums of one metric back to it; what only an earlier release counted is nobody's."""
    metric = Metric(counted.name, counted.documentation, counted.type)
    names = {f"{counted.name}{suffix}" for suffix in ("_total", "_bucket", "_count", "_sum")}
    for name, labels, value in sorted((one for one in samples if one[0] in names), key=_place):
        metric.add_sample(name, labels, value)
    return metric


def _place(sample: Sample) -> tuple[object, ...]:
    """Where a sample stands within its metric: the buckets of a histogram rise, then come count and sum."""
    name, labels, _ = sample
    return sorted((label, value) for label, value in labels.items() if label != "le"), name, float(labels.get("le", 0))


class Teller(Thread):
    """Tells every few seconds, until it is stopped."""

    def __init__(self, totals: Totals, interval: float) -> None:
        super().__init__(name="metrics", daemon=True)
        self._totals = totals
        self._interval = interval
        self._stopped = Event()

    def run(self) -> None:
        """Tell, again and again."""
        while not self._stopped.wait(self._interval):
            self._tell()

    def stop(self) -> None:
        """Tell the rest, and let go of Redis."""
        self._stopped.set()
        self.join()
        self._tell()
        self._totals.close()

    def _tell(self) -> None:
        # That Redis is away, others report.
        with suppress(RedisError):
            self._totals.tell()
