"""What rules, dashboard and docs ask for exists; what exists is shown."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from billing_core.metrics import COUNTED, SEEN
from tests.test_monitoring.files import DASHBOARD, METRIC, PROMETHEUS, ROOT, panels, queries, rules

DOCS = [ROOT / "docs" / "metrics.md", ROOT / "docs" / "operations.md", *sorted((ROOT / "docs" / "runbooks").iterdir())]
FILES = [PROMETHEUS / "rules.yml", PROMETHEUS / "alerts.yml", DASHBOARD]


def exported() -> set[str]:
    """Return the names that Prometheus stores."""
    names = set[str]()
    for metric in (*COUNTED.collect(), *SEEN.collect()):
        suffixes = {"counter": ("_total",), "histogram": ("", "_bucket", "_count", "_sum")}.get(metric.type, ("",))
        names |= {f"{metric.name}{suffix}" for suffix in suffixes}
    return names


def recorded() -> set[str]:
    return {rule["record"] for rule in rules("rules.yml")}


def asked_in(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in METRIC.findall(text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_metric_asked_for_exists(file: Path) -> None:
    asked = asked_in([file.read_text()])
    assert asked
    assert asked - exported() - recorded() == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_metric_in_the_docs_exists(page: Path) -> None:
    assert asked_in([page.read_text()]) - exported() - recorded() - {"billing_core"} == set()


def test_dashboard_shows_every_metric() -> None:
    through_rules = [rule["expr"] for rule in rules("rules.yml") if any(rule["record"] in one for one in queries())]
    asked = {name.removesuffix("_bucket") for name in asked_in([*queries(), *through_rules])}
    shown = {name for name in exported() if not name.endswith(("_bucket", "_count", "_sum"))}
    assert shown - asked == set()


def test_panels_are_named_once_and_lie_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert len({panel["title"] for panel in panels()}) == len(panels())
