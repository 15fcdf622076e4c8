"""docs/metrics.md and the code name the same metrics."""

import re
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric

from billing_core.metrics import COUNTED, SEEN

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(billing_[a-z_]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def exported(registry: CollectorRegistry) -> dict[str, tuple[str, str, str]]:
    """Return each metric's type and labels by the name that Prometheus knows."""
    return {_shown(metric): (metric.type, _unit(metric), _labels(registry, metric)) for metric in registry.collect()}


def _shown(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _unit(metric: Metric) -> str:
    return "s" if metric.name.endswith("_seconds") else ""


def _labels(registry: CollectorRegistry, metric: Metric) -> str:
    collector = registry._names_to_collectors[metric.name]
    names: Sequence[str] = getattr(collector, "_labelnames", None) or getattr(collector, "_label", [])
    return ", ".join(f"`{name}`" for name in names)


def test_page_lists_every_metric_with_its_type_unit_and_labels() -> None:
    rows = {name: (kind, unit.strip(), labels.strip()) for name, kind, unit, labels, _ in ROW.findall(PAGE.read_text())}
    assert rows == exported(COUNTED) | exported(SEEN)
