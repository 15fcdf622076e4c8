"""A Prometheus histogram that takes a batch's values at once: a tenth of the client's own cost for each."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Histogram(Collector):
    """Counts values by how large they are, with one label or none."""

    def __init__(
        self,
        name: str,
        documentation: str,
        bounds: Sequence[float],
        *,
        registry: CollectorRegistry,
        label: str | None = None,
        values: Iterable[str] = (),
    ) -> None:
        """Register it.

        Args:
            name: ends in the unit.
            documentation: of one line.
            bounds: the buckets' upper ends, rising; one without an end follows.
            registry: who shows it.
            label: the label's name.
            values: of the label, if they are known: these are shown before their first value.
        """
        self._name, self._documentation, self._bounds = name, documentation, tuple(bounds)
        self._label = [label] if label else []
        self._lock = Lock()
        self._counts = defaultdict[str, list[int]](lambda: [0] * (len(self._bounds) + 1))
        self._sums = defaultdict[str, float](float)
        for value in values if label else [""]:
            self._counts[value]
        registry.register(self)

    def observe(self, seconds: Sequence[float], of: str = "") -> None:
        """Count these, all of one value of the label."""
        bounds = self._bounds
        with self._lock:
            counts = self._counts[of]
            for one in seconds:
                counts[bisect_left(bounds, one)] += 1
            self._sums[of] += sum(seconds)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Name it, without its values."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=self._label)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Return what was counted, as Prometheus wants it."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._label)
        ends = [*map(floatToGoString, self._bounds), "+Inf"]
        with self._lock:
            for value, counts in self._counts.items():
                buckets = list(zip(ends, accumulate(counts), strict=True))
                family.add_metric([value] if self._label else [], buckets, self._sums[value])
        yield family
