"""Prometheus' own judge of its files, promtool, from Debian's package (`make test` fetches it)."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.test_monitoring.cases import CASES, Case, Series
from tests.test_monitoring.files import PROMETHEUS, ROOT, alerts

PROMTOOL = ROOT / ".cache" / "prometheus" / "usr" / "bin" / "promtool"

# Two targets tell the same: an alert must come once.
TARGETS = ("web-1", "web-2")
ILL_FOR = "80m"  # longer than any alert waits


@pytest.fixture
def promtool() -> Path:
    if not PROMTOOL.exists():
        pytest.skip("no promtool: `make test` fetches it, where apt-get can")
    return PROMTOOL


def run(promtool: Path, *arguments: str | Path) -> str:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told_by_targets(series: Series) -> list[dict[str, str]]:
    told = []
    for name, values in series.items():
        metric, _, labels = name.removesuffix("}").partition("{")
        for target in TARGETS:
            own = ",".join(filter(None, [labels, f'instance="{target}"', 'job="billing"']))
            told.append({"series": f"{metric}{{{own}}}", "values": values})
    return told


def expected(alert: dict[str, Any], case: Case) -> dict[str, Any]:
    return {
        "exp_labels": {**alert["labels"], **case.labels, "job": "billing"},
        "exp_annotations": alert["annotations"],
    }


def together() -> list[dict[str, Case]]:
    """Put cases together that share no metric: promtool takes its time for each group."""
    groups = list[dict[str, Case]]()
    for name, case in CASES.items():
        for group in groups:
            if not any(case.metrics & other.metrics for other in group.values()):
                group[name] = case
                break
        else:
            groups.append({name: case})
    return groups


def judgements(group: dict[str, Case]) -> list[dict[str, Any]]:
    """When ill they fire, though not before their time; when well, none fires."""
    known = alerts()
    fires = [
        {"eval_time": ILL_FOR, "alertname": name, "exp_alerts": [expected(known[name], case)]}
        for name, case in group.items()
    ]
    not_yet = [{"eval_time": "0m", "alertname": name, "exp_alerts": []} for name in group if "for" in known[name]]
    never = [{"eval_time": ILL_FOR, "alertname": name, "exp_alerts": []} for name in group]
    ill = [series for case in group.values() for series in told_by_targets(case.ill)]
    well = [series for case in group.values() for series in told_by_targets(case.well)]
    return [
        {"interval": "1m", "input_series": ill, "alert_rule_test": not_yet + fires},
        {"interval": "1m", "input_series": well, "alert_rule_test": never},
    ]


def test_files_are_what_prometheus_takes(promtool: Path) -> None:
    said = run(promtool, "check", "config", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert f"{len(alerts())} rules found" in said


def test_every_alert_fires_when_it_should_and_not_otherwise(promtool: Path, tmp_path: Path) -> None:
    tests = [test for group in together() for test in judgements(group)]
    document = {
        "rule_files": [str(PROMETHEUS / name) for name in ("rules.yml", "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": tests,
    }
    file = tmp_path / "alerts_test.yml"
    file.write_text(json.dumps(document))  # YAML holds JSON
    run(promtool, "test", "rules", file)


def test_every_alert_has_its_case() -> None:
    assert alerts().keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_every_alert_leads_to_a_runbook_that_is_there(name: str) -> None:
    page, _, anchor = alerts()[name]["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert page.startswith("docs/runbooks/")
    assert not anchor or anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert page.removeprefix("docs/") in (ROOT / "docs" / "operations.md").read_text()
