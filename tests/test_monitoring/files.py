"""The files that Prometheus and Grafana are given."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "config" / "prometheus"
DASHBOARD = ROOT / "config" / "grafana" / "billing.json"

METRIC = re.compile(r"\bbilling(?:_[a-z0-9_]+|:[a-z0-9_:]+)")


def rules(name: str) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    document = yaml.safe_load((PROMETHEUS / name).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    return {alert["alert"]: alert for alert in rules("alerts.yml")}


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, rows left out."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """Return what the dashboard asks Prometheus."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]
