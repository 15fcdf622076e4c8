"""What docs/walkthrough.md does by hand: from a dead letter to the alert, its runbook, and the dead letter."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from billing_core.models import BillingCustomer, BillingEvent
from tests.docs.commands import commands_in_text
from tests.docs.pages import ROOT, Page
from tests.docs.stand import Stand
from tests.fake_stripe.signature import sign

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts eight processes slowly

PROMTOOL = ROOT / ".cache" / "prometheus" / "usr" / "bin" / "promtool"
RULES = ROOT / "config" / "prometheus" / "alerts.yml"
ALERT = "BillingDeadLetters"
DEAD = "evt_1DocsLacksItsAmounts"
SAMPLE = re.compile(r"^(billing_dead_letters(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def dead_letter(here: Stand) -> str:
    """An event whose object lacks what a row needs: it would fail again and again."""
    customer = here.newest(BillingCustomer.stripe_customer_id)
    invoice = {"id": "in_1DocsLacksItsAmounts", "object": "invoice", "customer": customer, "status": "paid"}
    event = {"id": DEAD, "object": "event", "type": "invoice.paid", "created": 1796040000, "livemode": False}
    body = json.dumps({**event, "api_version": "2026-10-28.endive", "data": {"object": invoice}}).encode()
    signature = sign(body, here.settings["STRIPE_WEBHOOK_SECRET"])
    posted = httpx.post(f"{here.web}/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
    assert posted.is_success
    assert here.wait_for(BillingEvent.stripe_event_id, {DEAD}) == {DEAD}
    return DEAD


def firing(metrics: str, tmp_path: Path) -> str:
    """Let promtool judge these metrics by our rules, as if they stayed so; return what fires."""
    series = [{"series": name, "values": f"{float(value):g}x5"} for name, value in SAMPLE.findall(metrics)]
    nothing = [{"eval_time": "2m", "alertname": ALERT, "exp_alerts": []}]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": nothing}
    file = tmp_path / "metrics_test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": [test]}))  # YAML holds JSON
    return subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False).stderr


@pytest.mark.skipif(not PROMTOOL.exists(), reason="no promtool: `make test` fetches it, where apt-get can")
def test_dead_letter_is_found_through_its_alert(here: Stand, dead_letter: str, tmp_path: Path) -> None:
    metrics = httpx.get(f"{here.web}/metrics", timeout=30).text
    told = firing(metrics, tmp_path)
    annotations = next(
        rule["annotations"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if rule["alert"] == ALERT
    )
    assert annotations["summary"] in told
    runbook = Page(ROOT / annotations["runbook_url"])
    told_to_type = [command.text.split()[1:] for command in commands_in_text(runbook)]
    assert ["events", "list", "--outcome", "dead"] in told_to_type
    assert dead_letter in here.billing("events", "list", "--outcome", "dead")[1]


def test_dead_letter_says_why_it_failed_and_fails_again_while_nothing_is_mended(here: Stand, dead_letter: str) -> None:
    assert "Traceback" in here.billing("events", "show", dead_letter)[1]
    code, out, _ = here.billing("events", "replay", dead_letter)
    assert (code, "dead" in out) == (1, True)
